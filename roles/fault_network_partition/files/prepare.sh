if ! command -v nft >/dev/null; then
  echo "nft is missing: install nftables"
  exit 1
fi

for peer in $PEERS; do
  getent ahosts "$peer" | awk '{print $1}'
done | sort -u >"$DRILL_LEASE_STATE/addresses"
if [ ! -s "$DRILL_LEASE_STATE/addresses" ]; then
  echo "none of $PEERS has an address: name them so that this host can resolve them (ansible_host)"
  exit 1
fi

list() {
  paste -s -d ,
}
# Nothing is dropped where the list is empty.
drop() { # MATCH LIST
  [ -z "$2" ] || echo "$1 { $2 } counter drop"
}
case "$FROM" in
everything)
  # By interface: what the host and its containers say to each other goes on.
  devices=$(while read -r address; do ip -o route get "$address"; done <"$DRILL_LEASE_STATE/addresses" |
    sed -n 's/.* dev \([^ ]*\) .*/"\1"/p' | sort -u | list)
  # Without these, SSH over IPv6 would end as well.
  neighbours="icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept"
  incoming=$(echo "$neighbours" && drop iifname "$devices")
  outgoing=$(echo "$neighbours" && drop oifname "$devices")
  ;;
*)
  v4=$(grep -v : "$DRILL_LEASE_STATE/addresses" | list)
  v6=$(grep : "$DRILL_LEASE_STATE/addresses" | list)
  incoming=$(drop "ip saddr" "$v4" && drop "ip6 saddr" "$v6")
  outgoing=$(drop "ip daddr" "$v4" && drop "ip6 daddr" "$v6")
  ;;
esac

# The first to see what comes and the last to see what goes: address translation for containers lies between.
cat >"$DRILL_LEASE_STATE/rules" <<RULES
table inet $TABLE {
  chain incoming {
    type filter hook prerouting priority -350; policy accept;
    tcp dport $SSH_PORT accept
    $incoming
  }
  chain outgoing {
    type filter hook postrouting priority 350; policy accept;
    tcp sport $SSH_PORT accept
    $outgoing
  }
}
RULES
nft --check -f "$DRILL_LEASE_STATE/rules"
