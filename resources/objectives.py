"""The service level objectives: what is promised over 30 days.

Belongs here: reading them from `infra/prometheus/objectives.yaml` into frozen values. Does not belong here: the rules
that Prometheus watches them by (`pipelines.drafting.objectives`), what is left of their error budgets
(`assets.monitoring.page.budgets`).
"""

from dataclasses import dataclass
from typing import Literal

from resources.environments import CHECKOUT
from resources.yaml_files import read_yaml

OBJECTIVES = CHECKOUT / "infra" / "prometheus" / "objectives.yaml"
WINDOW_DAYS = 30
"""The days over which an objective promises its share."""

Recorded = Literal["fallbacks", "table_ends", "nothing"]
"""What of lake and decision log gives the bad share too; of `nothing` only the metrics know it."""


@dataclass(frozen=True)
class Objective:
    """One promise.

    Attributes:
        objective: The share of events, or of time, that must be good.
        errors: A query of the bad share within `$window`; empty where `bad` is given.
        bad: A query that is 1 while the promise is broken, else 0.
        recorded: See `Recorded`.
        limit: What `$limit` stands for in the queries: seconds beyond which the promise is broken.
    """

    name: str
    promise: str
    objective: float
    owner: str
    errors: str = ""
    bad: str = ""
    recorded: Recorded = "nothing"
    limit: float = 0.0

    @property
    def budget(self) -> float:
        """The share that may be bad."""
        return round(1 - self.objective, 6)

    @property
    def query(self) -> str:
        """`errors` or `bad`, with its limit."""
        return (self.errors or self.bad).replace("$limit", f"{self.limit:g}")


def objectives() -> tuple[Objective, ...]:
    """The declared objectives, in the order of their file."""
    return tuple(Objective(**entry) for entry in read_yaml(OBJECTIVES))
