"""What a backup store does besides taking backups in: it prunes by keys of its own, and counts who was refused what."""
