#!/bin/bash
# shellcheck shell=bash
# The second half of `make test`: the lab and its drills, and beside them the slow unit tests and, on a lab of their own, the
# roles' scenarios. A drill waits for a third of its time. What runs beside it takes these times and no others, for drills are
# judged by the clock: it has the lowest priority, and the scenarios' hosts weigh little.
set -euo pipefail
cd "$(dirname "$0")/.."

kept=.test-logs # not in runs/, where `drill_runner report latest` would take it for a run
mkdir -p "$kept"
groups=()

# beside TARGET: make it in a group of processes of its own, which can be ended as a whole.
beside() {
    set -m
    LAB_HOST_WEIGHT=16 nice -n 19 make "$1" >"$kept/$1.log" 2>&1 </dev/null &
    set +m
    groups+=($!)
    echo "Beside the drills: make $1 (tail -f $kept/$1.log)"
}

end_groups() {
    local group
    for group in "${groups[@]}"; do
        if kill -- "-$group" 2>/dev/null; then echo "Ended what ran beside the drills; hosts of scenarios that it leaves go with: molecule destroy" >&2; fi
    done
}

trap end_groups EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

beside check-slow
make lab-up
beside molecule # not before the lab is up: both labs' hosts have the same image, and one shall make it
failed=()
make drills || failed+=(drills)

for target in check-slow molecule; do
    echo "make $target, which ran beside the drills, from its beginning ($kept/$target.log):"
    tail --lines=+1 --follow --pid="${groups[0]}" "$kept/$target.log"
    wait "${groups[0]}" || failed+=("$target")
    groups=("${groups[@]:1}")
done
[ "${#failed[@]}" -eq 0 ] || { echo "Failed: ${failed[*]}" >&2; exit 1; }
