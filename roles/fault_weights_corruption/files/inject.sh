systemctl show --value --property=InvocationID "$UNIT" >"$DRILL_LEASE_STATE/before"
# The unit would refuse files that do not match their manifest. Rot between that check and the load is what this stands for.
mkdir -p "$DROPIN"
printf '[Service]\nExecStartPre=\n' >"$DROPIN/drill-rot.conf"
systemctl daemon-reload
"$DRILL_LEASE_PYTHON" "$DRILL_LEASE_STATE/rot.py" flip
systemctl restart "$UNIT"
