"""Exits with 0 when the kernel lets nothing out to any of the addresses that are given."""

import socket
import sys

DISCARD = 9


def outcome(address: str) -> str:
    """What becomes of a datagram to `address`; the packet filter tells the sender when it drops one."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(b"", (address, DISCARD))
        except PermissionError:
            return "dropped"
        except OSError:
            return "no way"  # of an address family that this host does not speak
    return "sent"


found = {address: outcome(address) for address in sys.argv[1:]}
sent = [address for address, what in found.items() if what == "sent"]
dropped = [address for address, what in found.items() if what == "dropped"]
if sent or not dropped:
    sys.exit(f"packets to {', '.join(sent) or 'nobody'} are still sent")
sys.stdout.write(f"packets to {', '.join(dropped)} are dropped\n")
