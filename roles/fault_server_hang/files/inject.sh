read -r pid born <"$DRILL_LEASE_STATE/engine"
if [ "$(sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 20)" != "$born" ]; then
  echo "the engine was restarted since the lease was armed: arm a new one"
  exit 1
fi
kill -STOP "$pid"
