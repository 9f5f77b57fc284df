if [ -z "$PATHS" ]; then
  echo "fault_data_loss_paths is empty: set it to the files and folders that the host serves from"
  exit 1
fi
. "$DRILL_LEASE_STATE/lost.sh"
for path in $PATHS; do
  if [ ! -e "$path" ]; then
    echo "$path is not there: nothing of it can be lost"
    exit 1
  fi
  if [ -e "$(kept "$path")" ]; then
    echo "$(kept "$path") is left of an earlier loss: see whether $path is whole, then remove it"
    exit 1
  fi
done
pid=$(podman container inspect --format '{{.State.Pid}}' "$CONTAINER")
if [ "$pid" -eq 0 ]; then
  echo "container $CONTAINER does not run: nothing would be served without its data"
  exit 1
fi
# The number alone could be another process by then.
echo "$pid $(sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 20)" >"$DRILL_LEASE_STATE/engine"
