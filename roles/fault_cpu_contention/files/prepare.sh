pid=$(podman container inspect --format '{{.State.Pid}}' "$CONTAINER")
if [ "$pid" -eq 0 ]; then
  echo "container $CONTAINER does not run: there is no engine to starve"
  exit 1
fi
"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/starve.py" find "$pid" "$CORES"
