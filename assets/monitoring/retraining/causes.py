"""Everything that may ask for a retraining, examined as of a time.

Belongs here: the causes that no table of figures gives (features, labels, age, schedule), and all causes together with
what a retraining is worth. Does not belong here: the monitors' causes (`assets.monitoring.signals`), the verdict
(`verdict.py`), recorded runs (`assets.py`, `pipelines.runs.requests`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property

from assets.bundle.bundle import Bundle
from assets.monitoring.monitors import monitors
from assets.monitoring.performance.judged import judged_tables
from assets.monitoring.retraining.gain import Earnings, Shortfall, earnings, shortfall
from assets.monitoring.retraining.verdict import RetrainSignals
from assets.monitoring.signals import CauseReader
from assets.monitoring.verdicts import Cause, CauseKind, MonitoringAction, cause_key
from assets.product import Product
from assets.product.names import FEATURES, table_name
from resources.errors import listed
from resources.lake import Lake


@dataclass(frozen=True)
class Champion:
    """The version that decides.

    Attributes:
        bundle: What it decides with; `None` where it cannot be read.
        problem: Why it cannot be read.
    """

    version: str
    bundle: Bundle | None = None
    problem: str = ""


@dataclass(frozen=True)
class Schedule:
    """The times of the policy's cron expression beside a moment.

    Attributes:
        last: The last one that is not after it.
        next: The first one after it.
    """

    last: datetime
    next: datetime


class Examination:
    """What asks for a retraining of a product, as of any of some days; figures are read once.

    Args:
        champion: Who decides; `None` before the first model.
        days: UTC days in order, of which the verdict is asked; empty for the newest figures.
    """

    def __init__(self, product: Product, lake: Lake, champion: Champion | None, days: Sequence[date] = ()) -> None:
        self._product, self._lake, self._champion = product, lake, champion
        version, last = None if champion is None else champion.version, days[-1] if days else None
        self._readers = [CauseReader(product, lake, version, one, last) for one in monitors(product, lake)]
        self._days, self._earnings = tuple(days), None if not days else self._earned(days)

    def signals(
        self, now: datetime, trained: Sequence[datetime], schedule: Schedule, *, until: date | None = None
    ) -> RetrainSignals:
        """The signals of the verdict as of a time, without what only recorded runs tell.

        Args:
            trained: When models were trained.
            until: The last day whose figures count; `None` for the newest.

        Raises:
            LakeError: A table is damaged.
        """
        causes = [reader.cause(now, until) for reader in self._readers]
        labels = self._new_labels(until)
        if self._champion is not None:
            causes += self._of_champion(self._champion, now, labels)
        if trained:
            causes.append(schedule_cause(self._product, max(trained), schedule.last))
        lost = self._shortfall(causes, until)
        left = (schedule.next - now).total_seconds() / 86_400.0
        return RetrainSignals(
            causes=tuple(causes),
            trained=tuple(trained),
            gain=None if lost is None else lost.until_next(left),
            gained="" if lost is None else lost.words(left),
            new_labels=labels,
        )

    def _of_champion(self, champion: Champion, now: datetime, labels: int | None) -> list[Cause]:
        policy, bundle = self._product.retraining, champion.bundle
        if bundle is None:
            asked = {"features": policy.new_features, "labels": policy.new_labels, "staleness": policy.max_age}
            kinds: list[CauseKind] = ["features", "labels", "staleness"]
            name = self._product.name
            return [Cause(k, f"{name}/{k}/unknown", "unknown", (champion.problem,)) for k in kinds if asked[k]]
        found = [features_cause(self._product, bundle, self._columns)] if policy.new_features else []
        if policy.new_labels is not None and labels is not None:
            found.append(labels_cause(self._product, bundle, labels, policy.new_labels))
        if policy.max_age is not None:
            found.append(staleness_cause(self._product, bundle, now))
        return found

    @cached_property
    def _columns(self) -> frozenset[str]:
        table = table_name(self._product.name, FEATURES)
        return frozenset(self._lake.schema(table).names) if self._lake.exists(table) else frozenset()

    def _new_labels(self, until: date | None) -> int | None:
        """Labels that became final since the champion was trained; `None` where the policy asks for none."""
        policy, bundle = self._product.retraining, None if self._champion is None else self._champion.bundle
        if bundle is None or (policy.new_labels is None and not policy.needed_labels):
            return None
        return sum(labels for day, labels in self._labels_by_day.items() if until is None or day <= until)

    @cached_property
    def _labels_by_day(self) -> Mapping[date, int]:
        """The labels that became final on each day after the champion was trained."""
        table = table_name(self._product.name, judged_tables(self._product).outcomes)
        bundle = None if self._champion is None else self._champion.bundle
        if bundle is None or not self._lake.exists(table):
            return {}
        trained = bundle.parts.created_at.astimezone(UTC).date()
        days = [day for day in self._lake.days(table) if day > trained]
        if not days:
            return {}
        rows = self._lake.read(table, days=days, columns=["day", "label"])
        counts = rows.group_by("day").aggregate([("label", "count")])
        return dict(zip(counts["day"].to_pylist(), counts["label_count"].to_pylist(), strict=True))

    def _shortfall(self, causes: Sequence[Cause], until: date | None) -> Shortfall | None:
        """What the champion loses, where something asks for a retraining or days are recorded."""
        known, day = self._earnings, until
        if known is None and any(cause.action == "retrain" for cause in causes):
            table = table_name(self._product.name, FEATURES)
            day = max(self._lake.days(table), default=None) if self._lake.exists(table) else None
            known = None if day is None else self._earned([day])
        return None if known is None or day is None else shortfall(known, day, self._product.monitoring.window_days)

    def _earned(self, days: Sequence[date]) -> Earnings | None:
        bundle = None if self._champion is None else self._champion.bundle
        return None if bundle is None else earnings(self._product, self._lake, bundle, days)


def features_cause(product: Product, bundle: Bundle, columns: frozenset[str]) -> Cause:
    """Whether features are declared that the champion does not have.

    Args:
        columns: Those of the feature table: a feature that it lacks cannot be learned from yet.
    """
    before = bundle.parts.kernel.features
    new = [name for name in product.features.names if name not in before.names]
    ready = [name for name in new if name in columns]
    sources = [name for name in product.features.sources if name not in before.sources]
    key = f"{product.name}/features/v{bundle.version}/{_digest(ready)}"
    if ready:
        of_sources = f", of the new sources {listed(sources)}" if sources else ""
        told = f"version {bundle.version} does not have {listed(ready)}{of_sources}"
        return Cause("features", key, "retrain", (told,), evidence={"new_features": float(len(ready))})
    missing = f": {listed(new)} are declared, and in no feature table yet; loopline run {product.name}" if new else ""
    return Cause("features", key, "none", (f"version {bundle.version} has every feature of the table{missing}",))


def labels_cause(product: Product, bundle: Bundle, labels: int, enough: int) -> Cause:
    """Whether so many labels became final since the champion was trained that it is trained again."""
    trained = bundle.parts.created_at.astimezone(UTC).date()
    action: MonitoringAction = "retrain" if labels >= enough else "none"
    told = f"{labels} labels became final since version {bundle.version} was trained on {trained}; {enough} ask for it"
    key = cause_key(product.name, "labels", bundle.version, trained)
    return Cause("labels", key, action, (told,), evidence={"new_labels": float(labels)})


def staleness_cause(product: Product, bundle: Bundle, now: datetime) -> Cause:
    """Whether the champion is older than the policy allows.

    Raises:
        ValueError: The policy allows any age.
    """
    allowed, trained = product.retraining.max_age, bundle.parts.created_at
    if allowed is None:
        raise ValueError(f"{product.name}: retraining.max_age is None; the champion's age is not judged")
    age = now - trained
    action: MonitoringAction = "retrain" if age >= allowed else "none"
    told = f"version {bundle.version} was trained {age.days} days ago; {allowed.days} days are allowed"
    key = cause_key(product.name, "staleness", bundle.version, trained.astimezone(UTC).date())
    since = (trained + allowed).astimezone(UTC).date() if action == "retrain" else None
    return Cause("staleness", key, action, (told,), since, {"age_days": float(age.days)})


def schedule_cause(product: Product, last_trained: datetime, due: datetime) -> Cause:
    """Whether a time of the schedule has passed since the last training, also one that the cooldown put off."""
    key = f"{product.name}/schedule/{due:%Y-%m-%dT%H:%M}"
    if last_trained < due:
        return Cause("schedule", key, "retrain", (f"due {due:%Y-%m-%d %H:%M} UTC",), due.date())
    told = f"trained on {last_trained:%Y-%m-%d %H:%M} UTC, after the schedule's last time, {due:%Y-%m-%d %H:%M}"
    return Cause("schedule", key, "none", (told,))


def _digest(names: Sequence[str]) -> str:
    return hashlib.blake2b("/".join(sorted(names)).encode(), digest_size=4).hexdigest()
