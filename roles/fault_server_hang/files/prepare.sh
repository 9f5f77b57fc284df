# The engine's main process, and when it started: the number alone could be another process by then.
pid=$(podman container inspect --format '{{.State.Pid}}' "$CONTAINER")
if [ "$pid" -eq 0 ]; then
  echo "container $CONTAINER does not run: there is no engine to stop"
  exit 1
fi
echo "$pid $(sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 20)" >"$DRILL_LEASE_STATE/engine"
