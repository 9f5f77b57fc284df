device=${DEVICE:-$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)}
if ! ip link show dev "${device:-?}" >/dev/null 2>&1; then
  echo "fault_network_latency_device: there is no interface '$device'; name the one that leads to the clients"
  exit 1
fi
echo "$device" >"$DRILL_LEASE_STATE/device"
