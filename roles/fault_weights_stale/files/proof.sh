before=$(cat "$DRILL_LEASE_STATE/before")
if [ "$(systemctl show --value --property=InvocationID "$UNIT")" = "$before" ]; then
  echo "$UNIT still runs on what it loaded before"
  exit 1
fi
"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/stale.py" proof "$URL" "$MODEL" "$API_KEY_FILE" "$GOLDEN"
