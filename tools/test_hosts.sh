#!/bin/bash
# shellcheck shell=bash
# The second half of `make test`. While the lab comes up: the slow unit and contract tests. While its drills run, which wait for
# a third of their time: the roles' scenarios, on a lab of their own. These take the times in which a drill waits and no others,
# for drills are judged by the clock: they have the lowest priority, and their hosts weigh little.
set -euo pipefail
cd "$(dirname "$0")/.."

kept=.test-logs # not in runs/, where `drill_runner report latest` would take it for a run
mkdir -p "$kept"
group=
failed=()

# beside TARGET NICENESS: make it in a group of processes of its own, which can be ended as a whole. Without job control (`set -m`), which
# now and then lost track of what it waited for; a shell without it starts what runs in the background deaf to Ctrl-C.
beside() {
    LAB_HOST_WEIGHT=16 setsid env --default-signal=INT,QUIT nice -n "$2" make "$1" >"$kept/$1.log" 2>&1 </dev/null &
    group=$!
    echo "Beside what follows: make $1 (tail -f $kept/$1.log)"
}

# gather TARGET: print what it said from its beginning, until it ends.
gather() {
    echo "make $1, which ran beside the above, from its beginning ($kept/$1.log):"
    tail --lines=+1 --follow=name --retry --pid="$group" "$kept/$1.log" 2>/dev/null || true
    wait "$group" || failed+=("$1")
    group=
}

# what_failed LOG: what pytest and Ansible say of failures, of which the end of a log of many scenarios says nothing; else its end.
what_failed() {
    sed 's/\x1b\[[0-9;]*m//g' "$1" |
        grep --text --extended-regexp --after-context=2 '^[ │]*(E  |(FAILED|ERROR) .*::)|(fatal|failed): \[|\[ERROR\]: ' | tail --lines=40 ||
        tail --lines=40 "$1"
}

end_group() {
    [ -z "$group" ] || ! kill -- "-$group" 2>/dev/null ||
        echo "Ended what ran beside; hosts of scenarios that it leaves go with: molecule destroy" >&2
}

trap end_group EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

beside check-slow 0
make lab-up
gather check-slow # not beside the drills: its tests are of deadlines, too, which a starved process misses
beside molecule 19 # not before the lab is up: both labs' hosts have the same image, and one shall make it
make drills 2>&1 | tee --ignore-interrupts "$kept/drills.log" || failed+=(drills)
gather molecule

for target in "${failed[@]}"; do
    # Whoever reads the end of a long log finds here what went wrong, and where.
    echo "Failed: make $target ($kept/$target.log):"
    what_failed "$kept/$target.log"
done >&2
[ "${#failed[@]}" -eq 0 ]
