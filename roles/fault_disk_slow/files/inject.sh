# For every process of the host, those of containers and of people included. On cgroup v1 a limit does not hold for the groups
# below, so each gets its own.
kinds="Service Scope"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  kinds=Slice
fi
for kind in $kinds; do
  folder=/run/systemd/system/$(echo "$kind" | tr S s).d
  mkdir -p "$folder"
  printf '[%s]\nIOReadBandwidthMax=%s %s\n' "$kind" "$(cat "$DRILL_LEASE_STATE/device")" "$BYTES_PER_S" >"$folder/$DROPIN"
done
systemctl daemon-reload

systemctl stop "$UNIT"
# What is in memory is not read again: out with it, of this volume only.
find "$VOLUME" -xdev -type f -exec dd if={} iflag=nocache count=0 status=none \;
# With a start systemd sees to the groups that are there already, too.
systemctl start --no-block "$UNIT"
