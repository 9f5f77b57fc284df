# Reserved, not written: fast, and no wear. Smaller and smaller pieces, since the last space is in pieces too.
: >"$FILLING"
chmod 0600 "$FILLING"
piece=$(df --output=avail --block-size=1 "$VOLUME" | tail -n 1)
filled=0
while [ "$piece" -ge 4096 ]; do
  if fallocate --offset "$filled" --length "$piece" "$FILLING" 2>/dev/null; then
    filled=$((filled + piece))
  else
    piece=$((piece / 2))
  fi
done
