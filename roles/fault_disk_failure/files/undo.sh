mount=$(systemd-escape --path --suffix=mount "$VOLUME")
# A volume that answers was mounted anew already: that is somebody's repair, or the boot's.
if ! mountpoint --quiet "$VOLUME"; then
  # shellcheck disable=SC2086 # several
  systemctl stop $UNITS
  # Mounted in any namespace, a failed file system lives on, and would be what is mounted again. Each service that was
  # started with one of its own may have it, a container even under another name.
  device=$(cat "$DRILL_LEASE_STATE/device")
  # shellcheck disable=SC2046 # several
  while set -- $(grep --files-with-matches --fixed-strings " $device " /proc/[0-9]*/mountinfo 2>/dev/null) && [ $# -gt 0 ]; do
    process=${1#/proc/} process=${process%/mountinfo}
    point=$(findmnt --task "$process" --noheadings --raw --first-only --output TARGET --source "$device") || continue
    # One that answers has got this number since, by a reboot.
    if stat "/proc/$process/root$point" >/dev/null 2>&1; then
      break
    fi
    if ! umount --namespace "$process" "$point"; then
      echo "in use by:" && find /proc/[0-9]*/cwd /proc/[0-9]*/fd -maxdepth 1 -lname "$point*"
      exit 1
    fi
  done
  systemctl restart "$mount"
fi
# shellcheck disable=SC2086 # several
systemctl start $UNITS
