device=$(cat "$DRILL_LEASE_STATE/device")
# What belongs to no class, and that is all but the service, passes untouched. A rate that nothing reaches keeps the order.
tc qdisc add dev "$device" root handle "$NUMBER:" htb
tc class add dev "$device" parent "$NUMBER:" classid "$NUMBER:1" htb rate 100gbit quantum 200000
tc qdisc add dev "$device" parent "$NUMBER:1" netem limit 100000 delay "${DELAY_MS}ms" "${JITTER_MS}ms" rate 100gbit
nft -f "$DRILL_LEASE_STATE/rules"
