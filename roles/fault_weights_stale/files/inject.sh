systemctl show --value --property=InvocationID "$UNIT" >"$DRILL_LEASE_STATE/before"
"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/stale.py" swap
systemctl restart "$UNIT"
