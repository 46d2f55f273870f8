"""What is known of a product on a day, as a frozen value: the page and the terminal show it.

Belongs here: the value and its parts. Does not belong here: reading it (`reading.py`), sentences on it (`summary.py`),
its forms (`html.py`, `pipelines.cli.render.status`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import pyarrow as pa

from assets.monitoring.faults.finding import Finding
from assets.monitoring.page.budgets import ErrorBudget
from assets.monitoring.performance.verdicts import KpiAction
from assets.monitoring.retraining.table import RecordedDay
from assets.monitoring.verdicts import Cause
from assets.pages.document import State
from assets.product import Product, Verdict
from resources.notifications import Alert, Severity
from resources.rollout_store.manifest import Move

FIGURES = "realised"
"""Under this name a report has the table of realised figures by which its product is judged."""

LineState = State
TrainingResult = Literal["registered", "refused or failed", "under way"]

LineName = Literal[
    "data", "business figures", "performance", "estimate", "drift", "calibration", "vintages", "groups", "consistency",
    "rollout", "training", "error budget",
]  # fmt: skip


@dataclass(frozen=True)
class Line:
    """What one monitor says."""

    name: LineName
    state: LineState
    text: str


@dataclass(frozen=True)
class Heard:
    """What the monitors say.

    Attributes:
        causes: The verdicts on drift, and on realised and estimated performance.
        business: The verdict on the business figures.
        alerts: Those that they raise.
    """

    causes: tuple[Cause, ...]
    business: Verdict[KpiAction]
    alerts: tuple[Alert, ...]


@dataclass(frozen=True)
class StandingAlert:
    """An alert that stands.

    Attributes:
        owner, severity: The present ones.
        since: When it was seen first; `None` where the daemon has not seen it yet.
        hands: Who looks after it, or until when it is silent; empty where nobody does.
        escalated: Whether it was escalated.
    """

    alert: Alert
    owner: str
    severity: Severity
    since: datetime | None = None
    hands: str = ""
    escalated: bool = False


@dataclass(frozen=True)
class Training:
    """A model that was trained, or was to be.

    Attributes:
        version: The version that was registered; empty for none.
        why: The cause, or the reason that a person gave; empty where none is recorded.
    """

    at: datetime
    result: TrainingResult
    version: str = ""
    why: str = ""


@dataclass(frozen=True)
class History:
    """What people and sensors did.

    Attributes:
        moves: The latest changes of the rollout, the oldest first.
        stands: Where the rollout stands, as a sentence without its end.
        share: What the challengers decide for now.
        paused: Whether the rollout waits for a person.
        trainings: The latest, the newest first.
    """

    moves: tuple[Move, ...] = ()
    stands: str = "no version was deployed yet"
    share: float = 0.0
    paused: bool = False
    trainings: tuple[Training, ...] = ()


@dataclass(frozen=True, eq=False)
class MonitoringReport:
    """What is known of a product.

    Attributes:
        day: The last day of any figure; `None` for none.
        champion: The version that decides; `None` before the first.
        judged: The version whose figures are shown: that of the newest ones; empty for none.
        alerts: Those that stand, the gravest first.
        causes: The verdicts on drift, realised and estimated performance, and the business figures.
        tables: The last days of each table that the lake has, by name; of the version that is shown.
        faults: The data faults of the days shown; those of one cause once, on their last day.
        standing: Those of them that stand.
        fingerprinted: The last day whose data were judged; `None` for none.
        retraining: The newest recorded verdict on a retraining; `None` for none.
    """

    product: Product
    day: date | None
    champion: str | None
    judged: str
    alerts: tuple[StandingAlert, ...]
    causes: Mapping[LineName, tuple[LineState, tuple[str, ...]]]
    tables: Mapping[str, pa.Table]
    faults: tuple[Finding, ...]
    standing: tuple[Finding, ...]
    fingerprinted: date | None
    budgets: tuple[ErrorBudget, ...]
    history: History = field(default_factory=History)
    retraining: RecordedDay | None = None

    def last(self, table: str) -> date | None:
        """The last day of a table; `None` where it has none."""
        found = self.tables.get(table)
        return max(found["day"].to_pylist(), default=None) if found is not None else None


def rows_by_day(table: pa.Table | None) -> list[dict[str, Any]]:
    """The rows of a table in the order of their days; none of no table."""
    return [] if table is None else table.sort_by("day").to_pylist()
