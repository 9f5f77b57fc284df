# A new host stays; without one, the host of before comes back.
if podman container exists "$CONTAINER.destroyed"; then
  if podman container exists "$CONTAINER"; then
    podman rm --force --time 0 --volumes "$CONTAINER.destroyed"
  else
    podman rename "$CONTAINER.destroyed" "$CONTAINER"
  fi
fi
if [ "$(podman container inspect --format '{{.State.Running}}' "$CONTAINER")" != true ]; then
  podman start "$CONTAINER"
fi
