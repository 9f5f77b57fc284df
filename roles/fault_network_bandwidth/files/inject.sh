device=$(cat "$DRILL_LEASE_STATE/device")
# What belongs to no class, and that is all but the service, passes untouched. Nothing is saved up for bursts: every packet waits
# until the link could have carried the one before.
tc qdisc add dev "$device" root handle "$HANDLE:" htb
tc class add dev "$device" parent "$HANDLE:" classid "$HANDLE:1" htb rate "${KBIT}kbit" burst 100 cburst 100
nft -f "$DRILL_LEASE_STATE/rules"
