"""What every test may use."""

import os
import socket

import pytest

# Materialisations of a range are written in batches, as the command line does.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")


@pytest.fixture
def free_ports() -> int:
    """The first of four free loopback ports in a row."""
    for base in range(20000, 60000, 17):
        probes = [socket.socket() for _ in range(4)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return base
    raise AssertionError("no four free ports in a row")
