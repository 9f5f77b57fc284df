# As anybody who wants to write there finds it.
said=$(LC_ALL=C fallocate --length 1MiB "$FILLING.try" 2>&1) || true
rm -f "$FILLING.try"
if [ "${said%No space left on device}" = "$said" ]; then
  echo "$VOLUME still takes 1 MiB: ${said:-it was written, and removed}"
  exit 1
fi
echo "$VOLUME takes no more: No space left on device"
