if ! command -v nft >/dev/null; then
  echo "nft is missing: install nftables"
  exit 1
fi

# The first to see what comes and the last to see what goes: address translation for containers lies between.
cat >"$DRILL_LEASE_STATE/rules" <<RULES
table inet $TABLE {
  chain incoming {
    type filter hook prerouting priority -350; policy accept;
    iifname != "lo" tcp dport $PORT counter numgen random mod 10000 < $OF_10000 counter drop
  }
  chain outgoing {
    type filter hook postrouting priority 350; policy accept;
    oifname != "lo" tcp sport $PORT counter numgen random mod 10000 < $OF_10000 counter drop
  }
}
RULES
nft --check -f "$DRILL_LEASE_STATE/rules"
