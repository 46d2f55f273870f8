"""The way from this machine's commands to the decision service on it.

Belongs here: its address, the caller's key, the trust in its certificate. Does not belong here: starting it
(`lifecycle.py`), what is asked of it (`pipelines.operations`).
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from assets.serving.settings import certificate_of
from resources.environments import Ports


@dataclass(frozen=True)
class DecisionsAt:
    """Where the service answers, and how to ask it.

    Attributes:
        headers: With the key that LOOPLINE_API_KEY holds, if it is set.
        verify: The service's own certificate, if it has one: it may name another host than this machine's loopback.
    """

    address: str
    headers: Mapping[str, str]
    verify: ssl.SSLContext | bool


def decisions_at(ports: Ports, variables: Mapping[str, str] | None = None) -> DecisionsAt:
    """The decision service of this machine.

    Raises:
        BadSetting: The files of its certificate are not there.
    """
    variables = os.environ if variables is None else variables
    certificate, _ = certificate_of(variables)
    key = variables.get("LOOPLINE_API_KEY", "")
    verify: ssl.SSLContext | bool = True
    if certificate is not None:
        verify = ssl.create_default_context(cafile=str(certificate))
        verify.check_hostname = False
        verify.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    scheme = "http" if certificate is None else "https"
    return DecisionsAt(
        address=f"{scheme}://127.0.0.1:{ports.decisions}",
        headers={"Authorization": f"Bearer {key}"} if key else {},
        verify=verify,
    )
