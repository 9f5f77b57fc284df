read -r pid born <"$DRILL_LEASE_STATE/engine"
now=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | grep '^T' | cut -d ' ' -f 20)
if [ "$now" != "$born" ]; then
  echo "process $pid, the engine of container $CONTAINER, is not stopped"
  exit 1
fi
"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/mute.py" "$ADDRESS" "$PORT"
echo "process $pid, the engine of container $CONTAINER, is stopped: $ADDRESS:$PORT accepts a connection and does not answer"
