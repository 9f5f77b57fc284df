device=$(cat "$DRILL_LEASE_STATE/device")
# Both in one transaction: deleting what is not there would fail.
printf 'add table inet %s\ndelete table inet %s\n' "$NAME" "$NAME" | nft -f -
if tc qdisc show dev "$device" root | grep -q "^qdisc htb $NUMBER: "; then
  tc qdisc del dev "$device" root
fi
