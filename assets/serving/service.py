"""The decision service as BentoML runs it.

Belongs here: the BentoML service and its settings. Does not belong here: everything that it does (`http.py`,
`application.py`).

    bentoml serve assets.serving.service:DecisionService --working-dir <checkout> --host 127.0.0.1 --port 4702

`assets.serving.launch` gives this command with its environment. One worker: the online store and the log are shared
by processes, so more throughput is another process, elsewhere.

BentoML's own request metrics are off: they have a series for every path that anybody asks for. Its access log is off:
the decision log says more. The supervisor imports this module too, so it imports nothing heavy.
"""

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import bentoml

from assets.serving.http import http_app, is_ready

if TYPE_CHECKING:
    from assets.serving.application import Application

_SUPERVISOR_SECONDS = 0.5
_SWITCH_SECONDS = 0.0005


def _open() -> "Application":
    from assets.serving.application import Application

    # The thread that syncs the log shall not wait 5 ms, Python's default, for one that computes.
    sys.setswitchinterval(_SWITCH_SECONDS)
    application = Application.open()
    threading.Thread(target=_end_with_supervisor, args=(os.getppid(),), name="supervisor-watch", daemon=True).start()
    return application


def _end_with_supervisor(supervisor: int) -> None:
    """Ends this worker in order when its supervisor was killed: nobody else would, and it holds the port."""
    while os.getppid() == supervisor:
        time.sleep(_SUPERVISOR_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


app = http_app(_open)


@bentoml.asgi_app(app)
@bentoml.service(
    name="decisions",
    workers=1,
    traffic={"timeout": 10},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
class DecisionService:
    """Decides requests with the live bundles of every product."""

    async def __is_ready__(self) -> bool:
        """Whether at least one champion is loaded; `/readyz` asks."""
        return is_ready(app)
