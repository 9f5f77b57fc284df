# In a unit of its own, so that the undo decides when it goes: after the rule, with nothing in its hands.
systemd-run --quiet --collect --unit="$UNIT" --property=Restart=always --property=RestartSec=100ms \
  /usr/bin/python3 "$DRILL_LEASE_STATE/delay.py" "$NUMBER" "$DELAY_MS" "$JITTER_MS"
for iptables in iptables ip6tables; do
  # shellcheck disable=SC2046 # several words
  "$iptables" --wait 5 -t mangle -I $(cat "$DRILL_LEASE_STATE/rule")
done
