# The service's own packets, counted where the link is narrow, and how often it was too narrow for one of them.
device=$(cat "$DRILL_LEASE_STATE/device")
packets=$(tc -s class show dev "$device" classid "$HANDLE:1" 2>/dev/null | sed -n 's/.* bytes \([0-9]*\) pkt .*/\1/p')
waited=$(tc -s qdisc show dev "$device" root | sed -n 's/.*overlimits \([0-9]*\) .*/\1/p')
echo "${packets:-0} packets of the service left by $device at $KBIT kbit/s, which made them wait ${waited:-0} times"
[ "${packets:-0}" -gt 0 ] && [ "${waited:-0}" -gt 0 ]
