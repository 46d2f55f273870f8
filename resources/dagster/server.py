"""The state of a running Dagster web server.

Belongs here: queries to its GraphQL API about code locations and daemons. Does not belong here: starting the server
(`pipelines.services.lifecycle`), runs and assets.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from resources.errors import LooplineError

_HEALTH = """
{ workspaceOrError { __typename
    ... on PythonError { message }
    ... on Workspace { locationEntries { name loadStatus
      locationOrLoadError { __typename ... on PythonError { message } } } } }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }
"""
_TIMEOUT_SECONDS = 30


class DagsterServerError(LooplineError):
    """The web server did not answer a query; the message has its address and its error."""


class DagsterServer:
    """A Dagster web server at an address such as `http://127.0.0.1:4700`."""

    def __init__(self, address: str) -> None:
        self._address = address

    def loading_locations(self) -> tuple[str, ...]:
        """The code locations that are not loaded yet."""
        return tuple(entry["name"] for entry in self._locations() if entry["loadStatus"] != "LOADED")

    def broken_locations(self) -> Mapping[str, str]:
        """For each code location that does not load, Python's error message."""
        return {
            entry["name"]: str(entry["locationOrLoadError"]["message"]).strip()
            for entry in self._locations()
            if entry["locationOrLoadError"] and entry["locationOrLoadError"]["__typename"] == "PythonError"
        }

    def unwell_daemons(self) -> tuple[str, ...]:
        """The required daemons without a recent heartbeat."""
        daemons = self.ask(_HEALTH)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return tuple(daemon["daemonType"] for daemon in daemons if daemon["required"] and not daemon["healthy"])

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The data of a GraphQL query.

        Raises:
            DagsterServerError: The server did not answer, or answered with an error.
        """
        body = json.dumps({"query": query, "variables": dict(variables or {})}).encode()
        request = urllib.request.Request(f"{self._address}/graphql", body, {"Content-Type": "application/json"})
        # Proxy settings are for other machines; this address is on this machine.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=_TIMEOUT_SECONDS) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise DagsterServerError(f"{self._address} refused a query: {error.read().decode()[:500]}") from error
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            raise DagsterServerError(f"{self._address} does not answer: {error}") from error
        if answer.get("errors"):
            raise DagsterServerError(f"{self._address} refused a query: {answer['errors'][0]['message']}")
        return dict(answer["data"])

    def _locations(self) -> list[dict[str, Any]]:
        workspace = self.ask(_HEALTH)["workspaceOrError"]
        if workspace["__typename"] == "PythonError":
            raise DagsterServerError(f"{self._address} has no workspace: {workspace['message']}")
        return list(workspace["locationEntries"])
