for iptables in iptables ip6tables; do
  rules=$("$iptables-save" -t mangle)
  case "$rules" in
  *"--comment $NAME "*)
    # shellcheck disable=SC2046 # several words
    "$iptables" --wait 5 -t mangle -D $(cat "$DRILL_LEASE_STATE/rule")
    ;;
  esac
done
# The rule is gone, so nothing new comes; what the program has, it lets pass now. 5: it is gone already.
systemctl stop "$UNIT" 2>/dev/null || [ $? -eq 5 ]

while read -r family; do
  # Refused while somebody else's rules are in it.
  nft delete chain "$family" mangle POSTROUTING 2>/dev/null || true
  if found=$(nft list table "$family" mangle 2>/dev/null) && [ "${found#*chain}" = "$found" ]; then
    nft delete table "$family" mangle
  fi
done <"$DRILL_LEASE_STATE/new_tables"
