. "$DRILL_LEASE_STATE/lost.sh"
read -r pid born <"$DRILL_LEASE_STATE/engine"
if [ "$(sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 20)" != "$born" ]; then
  echo "the engine was restarted since the lease was armed: arm a new one"
  exit 1
fi
for path in $PATHS; do
  mv -T "$path" "$(kept "$path")"
done
# It has its files open and would serve on until it is restarted: so it is.
kill -KILL "$pid"
