"""Exits with 0 when no name server that this host is configured with can be asked anything."""

import socket
import sys
from pathlib import Path

PATIENCE_S = 1.0
QUESTION = bytes.fromhex("d4110100000100000000000007696e76616c69640000010001")
"""One question that wants recursion: the address of `invalid`. Name servers know that there is none (RFC 6761)."""
# systemd-resolved stands between; these are the servers that it asks.
CONFIGURATIONS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))


def name_servers() -> list[str]:
    """Their addresses, those on the host itself left out."""
    for path in CONFIGURATIONS:
        if path.exists():
            words = [line.split() for line in path.read_text().splitlines()]
            found = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
            return [address for address in found if not address.startswith("127.") and address != "::1"]
    return []


def outcome(address: str) -> str:
    """What becomes of a question to the name server at `address`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asker:
        asker.settimeout(PATIENCE_S)
        try:
            asker.connect((address, 53))
            asker.send(QUESTION)
            asker.recv(512)
        except (PermissionError, ConnectionRefusedError):
            return "cut off"
        except OSError as error:
            return f"no answer: {error}"
    return "answers"


servers = {address: outcome(address) for address in name_servers()}
said = ", ".join(f"{address} {what}" for address, what in servers.items()) or "no name server is configured"
if "cut off" not in servers.values() or "answers" in servers.values():
    sys.exit(said)
sys.stdout.write(said + "\n")
