"""What a data fault means while it stands: a retraining that it explains is held.

Belongs here: the faults that stand, and holding the verdicts on drift and performance while a
fault explains them. Does not belong here: recognising faults (`recognition.py`), the verdicts that are held
(`assets.monitoring.verdicts`), sending alerts (`pipelines`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from assets.monitoring.distributions.cells import SCORE
from assets.monitoring.distributions.labels import CONCEPT, LABEL
from assets.monitoring.faults.attribution import Lineage, lineage_of
from assets.monitoring.faults.finding import Finding, findings_of
from assets.monitoring.faults.recognition import DAYS_BEFORE
from assets.monitoring.verdicts import HeldVerdict, MonitoringAction
from assets.product import Product, Verdict
from assets.product.names import DATA_FAULTS, FINGERPRINTS, table_name, validated_table
from resources.lake import Lake

_DAY = timedelta(days=1)
_TOLD = 3


@dataclass(frozen=True)
class StandingFaults:
    """The root causes that no mended and backfilled day has removed.

    Attributes:
        findings: In the order of their days.
        judged: The last day that was judged; `None` for none.
    """

    product: Product
    findings: tuple[Finding, ...]
    judged: date | None

    @property
    def latest(self) -> tuple[Finding, ...]:
        """Of each fault its last day, of the faults of the last weeks."""
        if self.judged is None:
            return ()
        first = self.judged - timedelta(days=DAYS_BEFORE)
        return tuple({one.key: one for one in self.findings if one.day >= first}.values())

    def late(self, now: datetime) -> str:
        """That no day was judged for too long; empty where none is late, or none was judged yet."""
        if self.judged is None:
            return ""
        due = datetime.combine(self.judged + _DAY, time(), UTC) + self.product.max_age
        late = f"feed_missing: no day after {self.judged} was made, though {now:%Y-%m-%d} is here"
        return late if now > due else ""

    def reaching(self, first: date, last: date) -> dict[Finding, frozenset[str]]:
        """The faults that reach features of rows of these days, each with the features that it reaches."""
        lineage, features = lineage_of(self.product), frozenset(self.product.features.names)
        found: dict[Finding, frozenset[str]] = {}
        for one in self.findings:
            reached = lineage.reached(one) & features
            counting = frozenset(name for name in reached if _counts(one, name, lineage, first, last))
            if counting:
                found[one] = counting
        return found

    def of_labels(self, first: date, last: date) -> list[Finding]:
        """The faults of the source of labels that became final on these days."""
        label, since = self.product.label, first - self.product.label.maturity
        return [one for one in self.findings if one.rows_of == label.source and since <= one.day <= last]


def standing_faults(product: Product, lake: Lake) -> StandingFaults:
    """The faults that the table `data_faults` has now.

    Raises:
        LakeError: A table is damaged.
    """
    table, judged = table_name(product.name, DATA_FAULTS), table_name(product.name, FINGERPRINTS)
    found = findings_of(lake.read(table)) if lake.exists(table) else ()
    days = lake.days(judged) if lake.exists(table) and lake.exists(judged) else ()
    accepted = {change.column: change.since for change in product.monitoring.accepted}
    roots = [one for one in found if not one.follows_from and one.since < accepted.get(one.place, date.max)]
    return StandingFaults(product, tuple(roots), max(days, default=None))


def late_sources(product: Product, lake: Lake, judged: date) -> dict[str, str]:
    """The sources of which no day after that one is in the lake, each with its owner.

    Raises:
        LakeError: A table is damaged.
    """
    tables = {source.name: validated_table(product.name, source.name) for source in product.sources}
    return {
        name: product.contract(name).owner
        for name, table in tables.items()
        if not lake.exists(table) or max(lake.days(table), default=judged) <= judged
    }


def held_drift(
    verdict: Verdict[MonitoringAction],
    day: date,
    standing: Callable[[], StandingFaults],
    without: Callable[[frozenset[str]], Verdict[MonitoringAction]],
) -> Verdict[MonitoringAction]:
    """The verdict on drift, or "alert" where it asks for a retraining and a data fault explains it.

    A fault explains drift that is gone once the columns that it reaches, and the score, are left out.

    Args:
        day: The last day of the window of the figures.
        standing: Reads the faults; it is asked only if the verdict asks for a retraining.
        without: The verdict again, without the figures of these names.
    """
    if verdict.action != "retrain":
        return verdict
    faults = standing()
    first = day - timedelta(days=faults.product.monitoring.window_days - 1)
    reaching, of_labels = faults.reaching(first, day), faults.of_labels(first, day)
    explained = frozenset(name for features in reaching.values() for name in features) | {SCORE}
    # The outcomes of scores are other ones if either had a fault.
    if not (reaching or of_labels) or without(explained | {LABEL, CONCEPT}).action == "retrain":
        return verdict
    return _people(faults.product, list(dict.fromkeys([*reaching, *of_labels])), verdict)


def held_performance(
    verdict: Verdict[MonitoringAction], day: date, standing: Callable[[], StandingFaults], *, is_realised: bool
) -> Verdict[MonitoringAction]:
    """The verdict on performance, or "alert" where it asks for a retraining and decisions, or labels, had a fault.

    Args:
        day, standing: As for `held_drift`.
        is_realised: The rows were decided so long before the window as their labels took to mature; an estimate is of
            the rows of the window, and reads no label of theirs.
    """
    if verdict.action != "retrain":
        return verdict
    faults = standing()
    product = faults.product
    first = day - timedelta(days=product.monitoring.window_days - 1)
    if not is_realised:
        reaching = list(faults.reaching(first, day))
    else:
        reaching = [*faults.reaching(first - product.label.maturity, day), *faults.of_labels(first, day)]
    return _people(product, list(dict.fromkeys(reaching)), verdict) if reaching else verdict


def _people(
    product: Product, faults: Sequence[Finding], verdict: Verdict[MonitoringAction]
) -> Verdict[MonitoringAction]:
    last = {one.key: one for one in faults}
    told = [f"a data fault explains it: {one.sentence}; {one.remedy(product.name)}" for one in last.values()]
    more = (f"and {len(told) - _TOLD} more data faults",) if len(told) > _TOLD else ()
    shown = (*told[:_TOLD], *more)
    return HeldVerdict("alert", (*shown, *verdict.reasons), faults=shown)


def _counts(fault: Finding, column: str, lineage: Lineage, first: date, last: date) -> bool:
    """Whether the rows of these days have values of the column that were made of the faulty day."""
    if fault.day > last:
        return False
    lookback = lineage.lookbacks.get(column, timedelta(0))
    return lookback is None or fault.day + lookback >= first
