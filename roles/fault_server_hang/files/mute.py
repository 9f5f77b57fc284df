"""Exits with 0 when the address and port that are given accept a connection, and a request gets no byte."""

import socket
import sys

PATIENCE_S = 1.0

address, port = sys.argv[1], int(sys.argv[2])
try:
    with socket.create_connection((address, port), timeout=PATIENCE_S) as connection:
        connection.sendall(f"GET /health HTTP/1.1\r\nHost: {address}:{port}\r\nConnection: close\r\n\r\n".encode())
        connection.settimeout(PATIENCE_S)
        try:
            answer = connection.recv(64)
        except TimeoutError:
            sys.exit(0)
except OSError as trouble:
    sys.exit(f"{address}:{port} does not accept a connection: {trouble}")
sys.exit(f"{address}:{port} answers {answer!r}")
