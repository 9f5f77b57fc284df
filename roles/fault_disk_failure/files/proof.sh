if ! said=$(LC_ALL=C stat "$VOLUME" 2>&1) && [ "${said%Input/output error}" != "$said" ]; then
  echo "$said"
  exit 0
fi
echo "$VOLUME can still be read"
exit 1
