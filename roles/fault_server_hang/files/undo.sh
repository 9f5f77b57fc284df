read -r pid born <"$DRILL_LEASE_STATE/engine"
# Another process by this number, or none: whoever restarted the engine has repaired it.
if [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)" = "$born" ]; then
  kill -CONT "$pid"
fi
