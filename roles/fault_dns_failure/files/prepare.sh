if ! command -v nft >/dev/null; then
  echo "nft is missing: install nftables"
  exit 1
fi

case "$HOW" in
refused) verdict="reject" ;;
*) verdict="drop" ;;
esac
# What the host asks and what its containers ask. A resolver on the host itself answers from its memory for a while.
cat >"$DRILL_LEASE_STATE/rules" <<RULES
table inet $TABLE {
  chain asked_by_host {
    type filter hook output priority -350; policy accept;
    oifname != "lo" meta l4proto { tcp, udp } th dport { 53, 853 } counter $verdict
  }
  chain asked_by_containers {
    type filter hook forward priority -350; policy accept;
    meta l4proto { tcp, udp } th dport { 53, 853 } counter $verdict
  }
}
RULES
nft --check -f "$DRILL_LEASE_STATE/rules"
