if [ "$VOLUME" = / ]; then
  echo "fault_disk_failure_volume: / is the host's own; name the model volume"
  exit 1
fi
found=$(findmnt --noheadings --output FSTYPE --mountpoint "$VOLUME") || found="not mounted"
if [ "$found" != xfs ]; then
  echo "fault_disk_failure_volume: $VOLUME is $found; it must be an XFS volume of its own, which can be made to fail by itself"
  exit 1
fi
mount=$(systemd-escape --path --suffix=mount "$VOLUME")
if [ -z "$(systemctl show --value --property=FragmentPath "$mount")" ]; then
  echo "fault_disk_failure_volume: $VOLUME was mounted by hand; put it into /etc/fstab or a mount unit, so that it can be mounted anew"
  exit 1
fi
if ! command -v xfs_io >/dev/null; then
  echo "xfs_io is missing: install xfsprogs"
  exit 1
fi
findmnt --noheadings --output MAJ:MIN --mountpoint "$VOLUME" | tr -d ' ' >"$DRILL_LEASE_STATE/device"
sync --file-system "$VOLUME"
