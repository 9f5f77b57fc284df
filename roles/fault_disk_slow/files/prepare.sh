# The device that systemd limits: the disk of a partition, and of what is made of one disk only (LVM, encryption).
disk_of() (
  source=$(findmnt --noheadings --nofsroot --output SOURCE --target "$1")
  [ -b "$source" ] || exit 0
  cd -P "/sys/dev/block/$(lsblk --noheadings --nodeps --output MAJ:MIN "$source" | tr -d ' ')"
  while :; do
    set -- slaves/*
    if [ -e partition ]; then
      cd -P ..
    elif [ $# -eq 1 ] && [ -e "$1" ]; then
      cd -P "$1"
    else
      echo "$(cat dev) /dev/$(sed -n 's/^DEVNAME=//p' uevent)"
      exit
    fi
  done
)

if ! mountpoint --quiet "$VOLUME"; then
  echo "fault_disk_slow_volume: $VOLUME is not mounted; name the model volume"
  exit 1
fi
device=$(disk_of "$VOLUME")
if [ -z "$device" ]; then
  echo "fault_disk_slow_volume: $VOLUME is on no block device of this host"
  exit 1
fi
for system in / /usr /var; do
  if [ "$(disk_of "$system")" = "$device" ]; then
    echo "fault_disk_slow_volume: $VOLUME shares ${device#* } with $system; the host itself must not get slow"
    exit 1
  fi
done
echo "${device% *}" >"$DRILL_LEASE_STATE/number"
echo "${device#* }" >"$DRILL_LEASE_STATE/device"

# What the proof reads: a second's worth.
find "$VOLUME" -xdev -type f -size "+${MIB_PER_S}M" -print -quit >"$DRILL_LEASE_STATE/file"
if [ ! -s "$DRILL_LEASE_STATE/file" ]; then
  echo "fault_disk_slow_mib_per_s: no file on $VOLUME is larger than $MIB_PER_S MiB, so nothing on it takes a second to read; choose less"
  exit 1
fi
systemctl show --value --property=InvocationID "$UNIT" >"$DRILL_LEASE_STATE/before"
sync --file-system "$VOLUME"
