for program in nft tc; do
  if ! command -v "$program" >/dev/null; then
    echo "$program is missing: install nftables and iproute2"
    exit 1
  fi
done
device=${DEVICE:-$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)}
if ! ip link show dev "${device:-?}" >/dev/null 2>&1; then
  echo "fault_network_bandwidth_device: there is no interface '$device'; name the one that leads to the clients"
  exit 1
fi
echo "$device" >"$DRILL_LEASE_STATE/device"
# A queue with a number of its own was put there by somebody, and could not be given back.
found=$(tc qdisc show dev "$device" root)
case "$found" in
"" | "qdisc "*" 0: root"*) ;;
*)
  echo "$device has a queueing discipline that somebody configured ($found): choose another one"
  exit 1
  ;;
esac
# Tried where nobody is: in a network of its own, which is gone with the command.
if ! unshare --net tc qdisc add dev lo root handle "$HANDLE:" htb; then
  echo "the kernel has no htb, which narrows the link"
  exit 1
fi

cat >"$DRILL_LEASE_STATE/rules" <<RULES
table inet $TABLE {
  chain outgoing {
    type filter hook postrouting priority 350; policy accept;
    oifname "$device" tcp sport $PORT meta priority set $HANDLE:1
  }
}
RULES
nft --check -f "$DRILL_LEASE_STATE/rules"
