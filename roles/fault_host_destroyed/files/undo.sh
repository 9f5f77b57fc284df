# A new host that was finished stays. Half made or never made, it goes, and the host of before comes back.
if podman container exists "$CONTAINER.destroyed"; then
  if podman cp "$CONTAINER:$FINISHED" - >/dev/null 2>&1; then
    podman rm --force --time 0 --volumes "$CONTAINER.destroyed"
  else
    if podman container exists "$CONTAINER"; then
      podman rm --force --time 0 --volumes "$CONTAINER"
    fi
    podman rename "$CONTAINER.destroyed" "$CONTAINER"
  fi
fi
if [ "$(podman container inspect --format '{{.State.Running}}' "$CONTAINER")" != true ]; then
  podman start "$CONTAINER"
fi
# A half made host's key may have taken the place of this one's. The file keeps its owner.
if [ -n "$KNOWN_HOSTS" ]; then
  key=$(podman exec "$CONTAINER" cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub)
  others=$(grep -v "^$ADDRESS " "$KNOWN_HOSTS" || true)
  printf '%s\n' ${others:+"$others"} "$ADDRESS $key" >"$KNOWN_HOSTS"
fi
