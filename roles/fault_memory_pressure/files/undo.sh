"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/squeeze.py" restore
systemctl reset-failed "$UNIT" 2>/dev/null || true
systemctl start "$UNIT"
