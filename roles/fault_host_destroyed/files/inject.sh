# Out of the way under another name, with its volumes: nothing that looks for this host finds anything of it.
podman kill "$CONTAINER"
podman rename "$CONTAINER" "$CONTAINER.destroyed"
