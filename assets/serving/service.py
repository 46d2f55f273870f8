"""The decision service as BentoML runs it.

Belongs here: the BentoML service and its settings. Does not belong here: routes (`http`), answering calls
(`application.py`).

    python -m assets.serving.launch --host 127.0.0.1 --port 4702

`assets.serving.launch` makes of it BentoML's command, with its environment variables. The service has one worker:
processes share the online store and the decision log, so for more throughput start more processes.

BentoML's own request metrics are off: they keep a series for every path that a client requests. Its access log is off:
it has the paths and addresses of clients; ours has neither (`observing/logs.py`). Its spans are off: they cost half a
millisecond a request, and a traced service has its own (`observing/traces.py`). BentoML's supervisor imports this
module too, so the module imports nothing heavy.
"""

import faulthandler
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import bentoml
from uvicorn.config import HTTP_PROTOCOLS, LOOP_FACTORIES

from assets.serving.http.connection import BoundedProtocol
from assets.serving.http.plain_errors import PlainErrors
from assets.serving.http.routes import count_refusal, http_app, is_draining, is_ready, latency_budget
from assets.serving.http.under_way import UnderWay
from assets.serving.observing.logs import log_as_json
from assets.serving.settings import log_format_of

if TYPE_CHECKING:
    from assets.serving.application import Application
    from resources.processes.loops import Loop

_SUPERVISOR_SECONDS = 0.5
_END_SECONDS = 60.0
_SWITCH_SECONDS = 0.0005


def _open() -> "Application":
    # Takes a second: with the first bundle, which may come to a service that already answers, it would delay requests.
    import xgboost  # noqa: F401

    from assets.serving.application import Application
    from resources.processes.ports import listening_addresses

    # A store's file that is cut while it is read ends the process (SIGBUS): its last words in the log name the place.
    faulthandler.enable()
    # Python's default of 5 ms would let the thread that syncs the log wait too long for one that computes.
    sys.setswitchinterval(_SWITCH_SECONDS)
    application = Application.open(addresses=listening_addresses())
    application.start(_supervisor_watch(os.getppid()))
    application.metrics.expected.set_function(under_way.expected)
    return application


def _supervisor_watch(supervisor: int) -> "Loop":
    """Ends this worker in an orderly way if its supervisor was killed: otherwise it would keep the port for ever."""
    from resources.processes.loops import Loop

    def look() -> float:
        if os.getppid() == supervisor:
            return _SUPERVISOR_SECONDS
        os.kill(os.getpid(), signal.SIGTERM)
        return _END_SECONDS

    return Loop("supervisor-watch", look)


# In both processes, as soon as BentoML has made its handlers.
if log_format_of(os.environ) == "json":
    log_as_json()

app = http_app(_open)
under_way = UnderWay(partial(latency_budget, app))

# BentoML starts uvicorn without a word on its protocol and loop, so what uvicorn takes by itself is named here.
# A request of our own routes goes past BentoML's layers, which look for BentoML's routes, and start a task and a timer.
# uvloop accepts one connection each time it looks, so new clients of a busy service would wait for seconds.
cast(Any, LOOP_FACTORIES)["auto"] = "uvicorn.loops.asyncio:asyncio_loop_factory"
cast(Any, HTTP_PROTOCOLS)["auto"] = partial(
    BoundedProtocol,
    refused=partial(count_refusal, app),
    draining=partial(is_draining, app),
    under_way=under_way,
    own=PlainErrors(app),
)


@bentoml.asgi_app(app)
@bentoml.service(
    name="decisions",
    workers=1,
    traffic={"timeout": 10},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": [".*"]},
)
class DecisionService:
    """Decides requests with the live bundles of every product."""

    async def __is_ready__(self) -> bool:
        """Whether at least one champion is loaded; `/readyz` answers with it."""
        return is_ready(app)


# The decorators make it BentoML's service, which their types do not say.
cast(Any, DecisionService).add_asgi_middleware(PlainErrors)
