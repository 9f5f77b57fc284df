systemctl reset-failed "$UNIT" 2>/dev/null || true
systemctl start "$UNIT"
