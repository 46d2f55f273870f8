"""Recomputing recorded decisions: `loopline replay`.

Belongs here: finding the decisions and their bundles, reading their events from lake and store, the report. Does not
belong here: the comparison (`assets.replay.decision` for score and outcome, `assets.replay.features` for features).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any, Literal

from assets.bundle.bundle import Bundle
from assets.bundle.released import released_bundle
from assets.bundle.scorer import Scorer
from assets.product.names import validated_name, validated_table
from assets.replay.decision import Difference, replay
from assets.replay.features import Parity, compare_with_lake, explain
from assets.replay.lake_events import EntityIndex
from assets.replay.reading import lake_index
from assets.replay.store_events import StoreReader
from assets.serving.decision import Decision
from assets.serving.log.decision_log import days, find_decision, scan_day
from pipelines.operations.loop.fill_sandbox import Progress
from resources.environments import Environment
from resources.errors import LooplineError
from resources.keys import Keys
from resources.lake import Lake
from resources.naming import checked_name
from resources.online_store.opening import open_store
from resources.online_store.protocol import OnlineStore, StoreUnavailable
from resources.rollout_store.manifest import Release
from resources.rollout_store.store import RolloutStore

MOST_COMPARED = 100
"""The most decisions of a bundle that differ whose events in lake and store are compared one by one."""
_TICK_SECONDS = 5.0

Outcome = Literal["identical", "waiting", "different", "erased", "void"]


class NothingToReplay(LooplineError):
    """There is no such decision; the message names the places that were searched."""


@dataclass(frozen=True)
class Replayed:
    """One recomputed decision.

    Attributes:
        outcome: `identical`; `different`; `waiting` when it differs only by events that have not reached the lake yet;
            `erased` when the data of its subject were erased, so that nothing can be compared; `void`
            when it was withdrawn, because it was not logged in time.
        decided: Parts of the answer that differ when they are recomputed from the logged features.
        parity: The comparison of the logged features with the lake.
    """

    decision_id: str
    bundle: str
    outcome: Outcome
    decided: tuple[Difference, ...] = ()
    parity: Parity = field(default_factory=Parity)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class ReplayReport:
    """The result for all requested decisions.

    Attributes:
        where: The day or the id of the decision.
        versions: The version of each table that was read from the lake.
    """

    product: str
    where: str
    decisions: tuple[Replayed, ...]
    versions: dict[str, int]

    @property
    def same(self) -> bool:
        """Whether no decision differs."""
        return not self.of("different")

    def of(self, outcome: Outcome) -> tuple[Replayed, ...]:
        """The decisions with that outcome."""
        return tuple(decision for decision in self.decisions if decision.outcome == outcome)

    def by_feature(self) -> dict[str, list[tuple[Replayed, Difference]]]:
        """For each feature or part of the answer that differs, the decisions with their difference."""
        found: dict[str, list[tuple[Replayed, Difference]]] = {}
        for decision in self.of("different"):
            for difference in (*decision.parity.differences, *decision.decided):
                found.setdefault(difference.name, []).append((decision, difference))
        return found

    def to_dict(self) -> dict[str, Any]:
        """JSON values; identical decisions are only counted."""
        outcomes: tuple[Outcome, ...] = ("identical", "waiting", "different", "erased", "void")
        return {
            "product": self.product,
            "where": self.where,
            "decisions": len(self.decisions),
            **{outcome: len(self.of(outcome)) for outcome in outcomes},
            "by_feature": {name: len(found) for name, found in self.by_feature().items()},
            "differences": [decision.to_dict() for decision in self.of("different")],
            "not_in_the_lake_yet": [decision.to_dict() for decision in self.of("waiting")],
            "lake": self.versions,
        }


def replay_day(environment: Environment, product: str, day: date | None, progress: Progress) -> ReplayReport:
    """Recomputes the decisions of a UTC day, shadows included.

    Args:
        day: `None` for the newest day that has decisions.
        progress: Called with a line of text at each stage, and every few seconds while decisions are recomputed.

    Raises:
        NothingToReplay: The day has no decisions.
        As `replay_decision`.
    """
    logged = days(environment.decision_log, checked_name(product, "product"))
    if day is None and logged:
        day = logged[-1]
    records = scan_day(environment.decision_log, product, day).decisions if day else ()
    if not records:
        when = f" on {day}" if day else ""
        raise NothingToReplay(
            f"{product} has no decision{when} in {environment.decision_log}; days with decisions: "
            f"{', '.join(map(str, logged[-7:])) or 'none'}"
        )
    return _replayed(environment, product, str(day), records, _Ticker(progress))


def replay_decision(environment: Environment, product: str, decision_id: str, progress: Progress) -> ReplayReport:
    """Recomputes one decision.

    Raises:
        NoDecision: The id is malformed, or no decision was recorded under it.
        NothingToReplay: The decision belongs to another product.
        CannotReplay: The record lacks data that the computation needs.
        BundleError, RolloutError: The bundle is missing or was altered.
        LakeError: A table of events is missing or damaged.
        StoreError: The address of the online store is not valid.
    """
    record = find_decision(environment.decision_log, decision_id)
    if record.product != product:
        raise NothingToReplay(
            f"decision {decision_id} belongs to {record.product}; loopline replay {record.product} --decision"
        )
    return _replayed(environment, product, decision_id, (record,), _Ticker(progress))


def _replayed(
    environment: Environment, product: str, where: str, records: Sequence[Decision], ticker: "_Ticker"
) -> ReplayReport:
    by_bundle: dict[tuple[str, str], list[Decision]] = {}
    for record in records:
        by_bundle.setdefault((record.bundle, record.digest), []).append(record)
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    key = Keys.of(environment.home).signing
    lake, store = Lake(environment.lake), open_store(environment.online_store, product)
    found: dict[str, Replayed] = {}
    versions: dict[str, int] = {}
    try:
        for (version, digest), records_of_bundle in by_bundle.items():
            bundle = released_bundle(product, Release(version=version, digest=digest), rollout, key)
            for source in bundle.parts.kernel.features.sources:
                # One version of each table for all bundles, whatever is written meanwhile.
                versions.setdefault(source, lake.version(validated_table(product, source)))
            replays = _BundleReplays(bundle, lake, store, versions, ticker)
            found |= {one.decision_id: one for one in replays.of(records_of_bundle)}
    finally:
        store.close()
    decisions = tuple(found[record.id] for record in records)
    return ReplayReport(product, where, decisions, {validated_name(source): v for source, v in versions.items()})


class _BundleReplays:
    """The decisions of one bundle, recomputed.

    Args:
        versions: For each source, the version of its table.
    """

    def __init__(
        self, bundle: Bundle, lake: Lake, store: OnlineStore, versions: Mapping[str, int], ticker: "_Ticker"
    ) -> None:
        self._bundle, self._lake, self._versions, self._ticker = bundle, lake, versions, ticker
        self._store = StoreReader(bundle.parts.kernel, store)
        self._scorer = Scorer(bundle)
        self._compared = 0

    def of(self, records: Sequence[Decision]) -> list[Replayed]:
        """Every decision's outcome."""
        kept = [record for record in records if not record.erased and not record.void]
        featured = [record for record in kept if record.features]
        index = self._index(featured) if featured else None
        found = [
            Replayed(record.id, record.bundle, "erased" if record.erased else "void")
            for record in records
            if record.erased or record.void
        ]
        for number, record in enumerate(kept):
            self._ticker.tick(f"{number:,} of {len(kept):,} decisions of version {record.bundle} recomputed")
            found.append(self._one(record, index))
        self._ticker.say(f"{len(kept):,} decisions of version {self._bundle.version} recomputed")
        return found

    def _one(self, record: Decision, index: EntityIndex | None) -> Replayed:
        decided = replay(record, self._bundle, self._scorer)
        parity = Parity(remark="decided without features: only rules and fallback are compared")
        if index is not None and record.features:
            parity = compare_with_lake(record, self._bundle, index)
            if parity.differences:
                parity = self._explained(record, index, parity)
        differs = bool(decided) or (bool(parity.differences) and not parity.waiting)
        outcome: Outcome = "different" if differs else "waiting" if parity.waiting else "identical"
        return Replayed(record.id, record.bundle, outcome, decided, parity)

    def _explained(self, record: Decision, index: EntityIndex, parity: Parity) -> Parity:
        """The comparison with the events that only the lake or only the store has, if the store can be read."""
        try:
            store = self._store.of(record.keys)
        except StoreUnavailable as error:
            return replace(parity, remark=f"whether the lake is only waiting for events is unknown: {error}")
        explained = explain(record, self._bundle, index, parity, store, name_gaps=self._compared < MOST_COMPARED)
        self._compared += not explained.waiting
        return explained

    def _index(self, records: Sequence[Decision]) -> EntityIndex:
        index = lake_index(self._lake, self._bundle, records, self._versions)
        rows = sum(table.num_rows for table in index.events.tables.values())
        self._ticker.say(f"{rows:,} events of {len(records):,} decisions read from the lake")
        return index


class _Ticker:
    """Lines of progress, each with the seconds since the start; ticks are said at most every few seconds."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._started, self._said = progress, time.monotonic(), time.monotonic()

    def say(self, text: str) -> None:
        """Says the line now."""
        self._said = time.monotonic()
        self._progress(f"{text}, {self._said - self._started:.1f} s")

    def tick(self, text: str) -> None:
        """Says the line if none was said for a while."""
        if time.monotonic() - self._said >= _TICK_SECONDS:
            self.say(text)
