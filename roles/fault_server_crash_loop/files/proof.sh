# The first restart follows the kill; that there was a second means that the engine did not live through its start.
before=$(cat "$DRILL_LEASE_STATE/restarts")
now=$(systemctl show --value --property=NRestarts "$UNIT")
if [ "$now" -lt $((before + 2)) ]; then
  echo "$UNIT was restarted $((now - before)) times since the lease was armed"
  exit 1
fi
echo "$UNIT was restarted $((now - before)) times since the lease was armed: its engine died at its start"
