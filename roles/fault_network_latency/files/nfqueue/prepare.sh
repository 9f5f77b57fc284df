# shellcheck disable=SC2154 # device.sh comes before
if grep -q "^ *$NUMBER " /proc/net/netfilter/nfnetlink_queue 2>/dev/null; then
  echo "somebody holds netfilter queue $NUMBER already"
  exit 1
fi
# By the port that clients asked for: a container's may be another. Without the program, packets pass (bypass).
echo "POSTROUTING -o $device -p tcp -m conntrack --ctdir REPLY --ctorigdstport $PORT" \
  "-m comment --comment $NAME -j NFQUEUE --queue-num $NUMBER --queue-bypass" >"$DRILL_LEASE_STATE/rule"
for iptables in iptables ip6tables; do
  # Tried where nobody is: in a network of its own, which is gone with the command.
  # shellcheck disable=SC2046 # several words
  if ! unshare --net "$iptables" -t mangle -A $(cat "$DRILL_LEASE_STATE/rule"); then
    echo "the kernel can delay packets neither by itself (netem) nor by a program (NFQUEUE)"
    exit 1
  fi
done
# The undo removes those that were not there before.
for family in ip ip6; do
  nft list table "$family" mangle >/dev/null 2>&1 || echo "$family"
done >"$DRILL_LEASE_STATE/new_tables"
