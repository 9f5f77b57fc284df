if [ "$(podman container inspect --format '{{.State.Running}}' "$CONTAINER")" != true ]; then
  echo "$CONTAINER does not run"
  exit 1
fi
