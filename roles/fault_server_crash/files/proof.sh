read -r pid born <"$DRILL_LEASE_STATE/engine"
# A zombie is gone too: it serves nobody.
now=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | grep -v '^Z' | cut -d ' ' -f 20)
[ "$now" != "$born" ]
echo "process $pid, the engine of container $CONTAINER, is gone"
