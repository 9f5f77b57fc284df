# Once more: what is not on disk yet would be lost for good.
sync --file-system "$VOLUME"
xfs_io -x -c shutdown "$VOLUME"
