"""What a lease puts on a machine beside the fault's own scripts: shell and units of systemd."""

# `9>&-` everywhere: a process that inject leaves behind on purpose must not keep the lock with it.
HOLD = """\
#!/bin/sh
# Waits for the word, breaks, then lasts. However this ends, `end` runs next; never the other way round.
set -eu
cd "${0%/*}"
exec >>log 2>&1

# Hundredths of a second since the machine started: a clock that nobody sets.
now() {
  read -r up _ </proc/uptime
  now=${up%.*}${up#*.}
}

in_force() {
  now
  if [ "$now" -ge "$limit" ]; then
    echo "its time limit has passed"
    return 1
  fi
  if [ -e until ]; then
    read -r until <until
    if [ "$now" -ge "$until" ]; then
      echo "nobody has renewed it in time"
      return 1
    fi
  fi
}

# Or is gone altogether: this shell is in its folder still.
not_ended() {
  if [ -e ended ] || [ ! -e lasts ]; then
    echo "this lease has ended: arm a new one"
    exit 1
  fi
}

read -r lasts <lasts
now
limit=$((now + lasts))
not_ended
while [ ! -e go ]; do
  not_ended
  in_force || exit 0
  sleep 0.02
done

exec 9>lock
flock 9
not_ended
now
echo "$now" >began
limit=$((now + lasts))
# On disk before anything breaks, or a power cut would hide from the boot that there is something to undo.
: >started
sync started .
( sh ./inject && echo 0 >outcome || echo $? >outcome ) 9>&- &
while [ ! -s outcome ]; do
  in_force || exit 0
  sleep 0.01
done
read -r outcome <outcome
if [ "$outcome" -ne 0 ]; then
  exit "$outcome"
fi
: >injected
exec 9>&-
while in_force; do
  sleep 0.2
done
"""

END = """\
#!/bin/sh
# Undoes, one at a time. Exits with 0 only when there is nothing left to undo.
set -eu
cd "${0%/*}"
# Its time says when the first undo began.
[ -e ending ] || : >ending
exec >>log 2>&1 9>lock
flock 9
if [ -e ended ]; then
  exit 0
fi
if [ -e started ]; then
  sh ./undo 9>&-
fi
: >ended
sync ended .
"""

# The folder goes last: while it is there, the lease is listed. Its log goes to the journal, which outlives it.
CLEAN = """\
#!/bin/sh
# Removes every trace of a lease that has been undone.
set -eu
cd "${{0%/*}}"
# Whoever asks for the end at this moment would find half of it.
exec 8<.
flock 8
cat log
systemctl stop {unit}
rm -f {units}/{unit} {units}/{undo_unit} {units}/multi-user.target.wants/{undo_unit}
systemctl daemon-reload
systemctl reset-failed {unit} 2>/dev/null || true
rm -rf "$PWD"
"""

# SIGKILL: a hung inject must not delay its undo. A lease that ended by its limit, by request or by a stray kill has
# ended well if its undo worked, so only a failed inject or a failed undo leaves this unit in `systemctl --failed`.
# `hold` keeps the limit by itself; RuntimeMaxSec is for one that cannot, and counts the wait for the word as well.
LEASE_UNIT = """\
[Unit]
Description=Drill lease {id}: {fault}
OnSuccess={undo_unit}
OnFailure={undo_unit}

[Service]
Type=exec
ExecStart=/bin/sh {folder}/hold
ExecStopPost=/bin/sh {folder}/end
RuntimeMaxSec={at_most_s:.3f}
KillSignal=SIGKILL
SuccessExitStatus=SIGKILL
TimeoutStopSec=60
"""

UNDO_UNIT = """\
[Unit]
Description=Undo of drill lease {id}: {fault}
ConditionPathExists={folder}
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/bin/sh {folder}/end
ExecStart=/bin/sh {folder}/clean
Restart=on-failure
RestartSec=1
TimeoutStartSec=120

[Install]
WantedBy=multi-user.target
"""
