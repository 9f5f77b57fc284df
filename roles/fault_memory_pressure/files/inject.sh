"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/squeeze.py" squeeze
