# The thread stays frozen exactly as long as this process lives, which belongs to the lease's unit and dies with it.
"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/stall.py" hold &
"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/stall.py" wait "$!"
