frozen=$("$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/stall.py" frozen 2>&1) || { echo "$frozen"; exit 1; }
silent=$("$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/silent.py" "$URL" "$MODEL" "$API_KEY_FILE" 2>&1) || { echo "$silent"; exit 1; }
echo "$frozen: $silent"
