rm -f "$DROPIN/drill-crash-loop.conf"
rmdir "$DROPIN" 2>/dev/null || true
systemctl daemon-reload
systemctl reset-failed "$UNIT" 2>/dev/null || true
systemctl start "$UNIT"
