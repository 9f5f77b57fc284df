if [ "$VOLUME" = / ] || ! mountpoint --quiet "$VOLUME"; then
  echo "fault_disk_full_volume: $VOLUME must be a volume of its own: the host itself must not run out of space"
  exit 1
fi
