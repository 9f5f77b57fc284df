if podman container exists "$CONTAINER"; then
  echo "$CONTAINER is still there"
  exit 1
fi
if timeout 1 bash -c ": >/dev/tcp/$ADDRESS/$PORT" 2>/dev/null; then
  echo "$ADDRESS:$PORT still answers"
  exit 1
fi
echo "there is no container $CONTAINER any more, and $ADDRESS:$PORT does not answer"
