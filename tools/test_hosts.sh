#!/bin/bash
# shellcheck shell=bash
# The second half of `make test`, on two labs at once: drills on the one, the roles' scenarios on the other, then the slow
# unit tests. A drill waits for a third of its time; the scenarios take these times and no others, for drills are judged
# by the clock: they run at the lowest priority, and their hosts weigh little.
set -euo pipefail
cd "$(dirname "$0")/.."

beside=runs/beside-drills.log
mkdir -p runs

# A group of processes of its own, which can be ended as a whole.
set -m
LAB_HOST_WEIGHT=16 nice -n 19 make --keep-going molecule check-slow >"$beside" 2>&1 </dev/null &
group=$!
set +m
trap 'kill -- "-$group" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "Beside the drills run the roles' scenarios and the slow unit tests: tail -f $beside"
drills=0
make drills || drills=$?
[ "$drills" -eq 0 ] || echo "The drills have failed; what runs beside them goes on to its end" >&2

echo "What ran beside the drills, from its beginning ($beside):"
tail --lines=+1 --follow --pid="$group" "$beside"
others=0
wait "$group" || others=$?
[ "$others" -eq 0 ] || echo "The scenarios or the slow unit tests have failed: see above, or $beside" >&2
exit $((drills || others))
