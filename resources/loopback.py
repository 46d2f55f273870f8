"""Loopback addresses.

Belongs here: telling an address of this machine from any other. A proxy that is asked for a loopback address would
connect to its own machine, so clients of loopback addresses ignore the proxy settings. Does not belong here: clients.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(address: str) -> bool:
    """Whether the host of an `http(s)://` address is this machine: `localhost`, or a loopback number."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")
