status=0
"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/stale.py" restore || status=$?
# 3: another file is in its place. Whoever put it there starts the unit when it is ready.
if [ "$status" -eq 3 ]; then
  exit 0
elif [ "$status" -ne 0 ]; then
  exit "$status"
fi
if [ -e "$DRILL_LEASE_STATE/restart" ]; then
  systemctl restart "$UNIT"
  rm "$DRILL_LEASE_STATE/restart"
fi
