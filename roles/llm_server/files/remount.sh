# Mounts the model volume anew, for `sh -s VOLUME`. Engine and checks are off meanwhile.
set -eu
volume=$1
# Who asked may be gone, and with it whoever reads what is said here.
trap '' PIPE

# Mounted in any namespace, a failed file system lives on, and would be what is mounted again. Each service that was started
# with one of its own may have it, a container even under another name.
device=
# shellcheck disable=SC2013 # numbers
for info in $(grep --files-with-matches --fixed-strings " $volume " /proc/[0-9]*/mountinfo 2>/dev/null); do
    process=${info#/proc/} process=${process%/mountinfo}
    device=$(findmnt --task "$process" --noheadings --raw --output MAJ:MIN --mountpoint "$volume") && break
done
# shellcheck disable=SC2046 # several
while set -- $(grep --files-with-matches --fixed-strings " ${device:-none} " /proc/[0-9]*/mountinfo 2>/dev/null) && [ $# -gt 0 ]; do
    process=${1#/proc/} process=${process%/mountinfo}
    point=$(findmnt --task "$process" --noheadings --raw --first-only --output TARGET --source "$device") || continue
    if ! umount --namespace "$process" "$point"; then
        echo "$point of process $process is in use by:" && find /proc/[0-9]*/cwd /proc/[0-9]*/fd -maxdepth 1 -lname "$point*"
        exit 1
    fi
    echo "$point of process $process and those that share its mounts" || true
done

systemctl restart "$(systemd-escape --path --suffix=mount "$volume")"
