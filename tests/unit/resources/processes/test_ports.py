"""Ports of this machine."""

import socket

from resources.processes.ports import listening_addresses


def test_a_process_knows_on_which_addresses_it_listens() -> None:
    before = listening_addresses()
    with socket.socket() as bound, socket.socket() as loopback:
        bound.bind(("0.0.0.0", 0))
        assert listening_addresses() == before, "it does not listen yet"
        bound.listen()
        loopback.bind(("127.0.0.1", 0))
        loopback.listen()
        assert listening_addresses() == before | {"0.0.0.0", "127.0.0.1"}
