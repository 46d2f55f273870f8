"""Loopback ports: whether one is free, who listens on it, whether an address answers.

Belongs here: questions about a port of this machine. Does not belong here: the processes that were started here
(`table.py`), whether a dependency of an environment answers (`resources.dependencies`).
"""

import contextlib
import http.client
import socket
import ssl
import urllib.error
import urllib.request

import psutil


def answers(url: str, *, timeout_seconds: float = 2.0) -> bool:
    """Whether an HTTP GET of the loopback address returns a status of success; of a certificate nothing is asked."""
    try:
        # Proxy settings are for other machines; this address is on this machine, and its certificate names another.
        unverified = ssl.create_default_context()
        unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unverified)
        )
        with direct.open(url, timeout=timeout_seconds):
            return True
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError):
        return False


def port_is_free(port: int) -> bool:
    """Whether a server could listen on the loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def listening_addresses() -> frozenset[str]:
    """The addresses on which this process listens for TCP connections, or will once it accepts them."""
    return frozenset(
        connection.laddr.ip
        for connection in psutil.Process().net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr
    )


def port_holder(port: int) -> str:
    """The listener on a TCP port, in words: `process 12 (name)`, or `another process` if the system does not tell."""
    try:
        listening = [
            connection.pid
            for connection in psutil.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        ]
    except psutil.AccessDenied:
        listening = []
    for pid in listening:
        with contextlib.suppress(psutil.NoSuchProcess):
            if pid is not None:
                return f"process {pid} ({psutil.Process(pid).name()})"
    return "another process"
