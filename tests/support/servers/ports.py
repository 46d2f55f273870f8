"""Loopback ports for the servers that tests start."""

import random
import socket

_FIRST, _LAST = 20_000, 32_000
"""Below the ports that the system hands out by itself, so that none of these goes to a client meanwhile."""


def free_port() -> int:
    """A port that nobody listens on."""
    return free_ports(1)


def free_ports(count: int = 5) -> int:
    """The first of some consecutive free ports, drawn at random so that parallel tests draw others.

    Raises:
        AssertionError: Each of a hundred draws contained a taken port.
    """
    for _ in range(100):
        first = random.SystemRandom().randrange(_FIRST, _LAST)
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise AssertionError(f"no {count} free ports in a row between {_FIRST} and {_LAST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
