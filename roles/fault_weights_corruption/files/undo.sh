"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/rot.py" restore
rm -f "$DROPIN/drill-rot.conf"
rmdir "$DROPIN" 2>/dev/null || true
systemctl daemon-reload
# An engine that was started after the file was last changed has loaded what is there now: leave it to its clients.
if "$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/rot.py" loaded "$UNIT"; then
  systemctl start "$UNIT"
else
  systemctl restart "$UNIT"
fi
