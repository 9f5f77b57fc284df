# Read past the memory, as whoever asks on this host has to wait for it.
begin=$(date +%s%N)
dd if="$(cat "$DRILL_LEASE_STATE/file")" of=/dev/null iflag=direct bs=1M count="$MIB_PER_S" status=none
took_ms=$((($(date +%s%N) - begin) / 1000000))
echo "$MIB_PER_S MiB took $took_ms ms to read from $VOLUME"
# Limits are kept over a tenth of a second, so a little comes at once.
if [ "$took_ms" -lt 700 ]; then
  exit 1
fi
if [ "$(systemctl show --value --property=InvocationID "$UNIT")" = "$(cat "$DRILL_LEASE_STATE/before")" ]; then
  echo "$UNIT still runs on what it has in memory"
  exit 1
fi
