. "$DRILL_LEASE_STATE/lost.sh"
back=no
for path in $PATHS; do
  lost=$(kept "$path")
  [ -e "$lost" ] || continue
  # What was restored stays where it is the same. Where it is not, it was restored by halves: the original is whole.
  if [ -e "$path" ] && diff -rq --no-dereference "$lost" "$path" >/dev/null; then
    rm -rf "$lost"
  else
    rm -rf "$path"
    mv -T "$lost" "$path"
    back=yes
  fi
done
systemctl daemon-reload
if [ "$back" = yes ]; then
  systemctl reset-failed "$UNIT" 2>/dev/null || true
  systemctl restart "$UNIT"
fi
