status=0
"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/rot.py" restore || status=$?
if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then
  exit "$status"
fi
rm -f "$DROPIN/drill-rot.conf"
rmdir "$DROPIN" 2>/dev/null || true
systemctl daemon-reload
# 3: another file is in its place. Whoever put it there starts the unit when it is ready.
if [ "$status" -eq 3 ]; then
  exit 0
fi
# An engine that was started after the file was last changed has loaded what is there now: leave it to its clients.
if "$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/rot.py" loaded "$UNIT"; then
  systemctl start "$UNIT"
else
  systemctl restart "$UNIT"
fi
