"""Exits with 0 when nobody accepts a connection at the address and port that are given."""

import socket
import sys

PATIENCE_S = 0.3

try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=PATIENCE_S).close()
except OSError:
    sys.exit(0)
sys.exit(f"{sys.argv[1]}:{sys.argv[2]} still answers")
