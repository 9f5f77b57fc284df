# Both in one transaction: deleting what is not there would fail.
printf 'add table inet %s\ndelete table inet %s\n' "$TABLE" "$TABLE" | nft -f -
