for path in $PATHS; do
  if [ -e "$path" ]; then
    echo "$path is still there"
    exit 1
  fi
done
read -r pid born <"$DRILL_LEASE_STATE/engine"
# A zombie is gone too: it serves nobody.
now=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | grep -v '^Z' | cut -d ' ' -f 20)
if [ "$now" = "$born" ]; then
  echo "process $pid still serves what it had open"
  exit 1
fi
echo "gone: $PATHS; and the process that had them open"
