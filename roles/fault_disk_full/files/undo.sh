# Not mounted, it would keep the file, and nobody would know.
if ! mountpoint --quiet "$VOLUME"; then
  echo "$VOLUME is not mounted: $FILLING cannot be removed yet"
  exit 1
fi
rm -f "$FILLING" "$FILLING.try"
