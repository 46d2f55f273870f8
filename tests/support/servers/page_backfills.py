"""Backfills as Dagster's pages launch them.

Belongs here: launching one from the page of a job or from the catalogue of assets, and how it stands. Does not belong
here: clicking through the pages (`tests.integration.commands.test_demo_up`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from resources.dagster.server import DagsterServer

Page = Literal["job", "assets"]
PAGES: tuple[Page, ...] = get_args(Page)

_LAUNCH = """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_STATE = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status error { message } } } }"""
_RUNS = """query ($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}) {
  ... on Runs { results { jobName status tags { key value } } } } }"""


@dataclass(frozen=True)
class PageBackfill:
    """A backfill of some days that was launched on a page of Dagster.

    Attributes:
        server: The web server, to which the answer is asked again after it was restarted.
    """

    server: DagsterServer
    number: str

    @classmethod
    def launch(
        cls, address: str, page: Page, product: str, assets: Sequence[str], days: Sequence[date]
    ) -> "PageBackfill":
        """Launches it.

        Args:
            page: The page of the daily job, or the catalogue in which the assets are selected.
        """
        server = DagsterServer(address)
        repository = {"repositoryName": "__repository__", "repositoryLocationName": product}
        job = {"partitionSetName": f"{product}_daily_partition_set", "repositorySelector": repository}
        params = {
            "assetSelection": [{"path": [product, name]} for name in assets],
            "partitionNames": [day.isoformat() for day in days],
            **({"selector": job} if page == "job" else {}),
        }
        answer = server.ask(_LAUNCH, {"params": params})["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return cls(server, answer["backfillId"])

    def ended(self, seconds: float) -> tuple[str, list[dict[str, Any]]]:
        """Its state once it has ended, and its runs.

        Raises:
            AssertionError: It has not ended within the seconds.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.server.ask(_STATE, {"id": self.number})["partitionBackfillOrError"]
            if state["status"] not in ("REQUESTED", "CANCELING", "FAILING"):
                return state["status"], self.runs()
            time.sleep(2)
        raise AssertionError(f"after {seconds:.0f} s: {state}, {self.runs()}")

    def runs(self) -> list[dict[str, Any]]:
        """Its runs: job, status and tags."""
        tags = [{"key": "dagster/backfill", "value": self.number}]
        return list(self.server.ask(_RUNS, {"tags": tags})["runsOrError"]["results"])
