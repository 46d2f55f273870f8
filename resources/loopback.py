"""Addresses of this machine.

Belongs here: telling a loopback address from one elsewhere. A machine's proxy settings are for addresses elsewhere: a
proxy that is asked for a loopback address looks for it on its own machine. Does not belong here: any client.
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
