# shellcheck disable=SC2154 # device.sh comes before
if ! command -v nft >/dev/null; then
  echo "nft is missing: install nftables"
  exit 1
fi
# A queue with a number of its own was put there by somebody, and could not be given back.
found=$(tc qdisc show dev "$device" root)
case "$found" in
"" | "qdisc "*" 0: root"*) ;;
*)
  echo "$device has a queueing discipline that somebody configured ($found): choose another one"
  exit 1
  ;;
esac

cat >"$DRILL_LEASE_STATE/rules" <<RULES
table inet $NAME {
  chain outgoing {
    type filter hook postrouting priority 350; policy accept;
    oifname "$device" tcp sport $PORT meta priority set $NUMBER:1
  }
}
RULES
nft --check -f "$DRILL_LEASE_STATE/rules"
