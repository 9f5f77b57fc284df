if [ "$(systemctl is-active "$UNIT")" != active ]; then
  echo "$UNIT does not run: there is no engine to kill"
  exit 1
fi
systemctl show --value --property=NRestarts "$UNIT" >"$DRILL_LEASE_STATE/restarts"
