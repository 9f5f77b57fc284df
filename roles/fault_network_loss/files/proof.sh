# Two counters in each rule: what was seen, and what was lost of it.
nft list table inet "$TABLE" 2>/dev/null | awk '
  /counter/ { for (i = 1; i < NF; i++) if ($i == "packets") n[++c % 2] += $(i + 1) }
  END {
    printf "%d of %d packets were lost\n", n[0], n[1]
    exit n[0] == 0
  }'
