if [ -z "$WEIGHTS" ]; then
  echo "fault_weights_corruption_file is empty: set it to the file that the host serves"
  exit 1
fi
"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/rot.py" prepare "$WEIGHTS" "$BYTES" "$SEED" "$SHA256"
