"""The recorder: what the loop does and tells, as the judge reads it.

Belongs here: from alerts, runs, moves of rollouts and quarantined rows to observations; the figures of a day. Does not
belong here: the form of the record, the judgement (`resources.sandbox.judge`), any use of the plan.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.materialising import asset_key
from assets.product import Product
from assets.product.names import ONLINE_STORE
from pipelines.jobs import retrain_name
from pipelines.operations.gameday.callers import Answered
from pipelines.operations.gameday.ticks import Started
from resources.clock import Clock
from resources.lake import Lake
from resources.naming import is_day
from resources.notifications import Alert
from resources.rollout_store.manifest import Move
from resources.rollout_store.store import RolloutStore
from resources.sandbox.judge.record import STAKES, DayFigures, Observation, Record, Seen

_MOVES: Mapping[str, Seen] = {
    "start": "rolled_out", "promote": "promoted", "roll_back": "roll_back", "pause": "pause",
}  # fmt: skip
# What a sensor says of what it waits for: files of a day that have not landed, tables or a store that do not answer.
_WAITING = ("lacks files", "unknown: ")


@dataclass
class Recorder:
    """Writes down what happens, at once and for good; it is also where the product's alerts arrive.

    Attributes:
        trail: A file of the observations so far, a JSON object a line: a game day takes long, and may be interrupted.
        runs: How many runs of each job there were, and how many failed.
    """

    clock: Clock
    trail: Path
    observations: list[Observation] = field(default_factory=list)
    figures: list[DayFigures] = field(default_factory=list)
    runs: dict[str, list[int]] = field(default_factory=dict)
    _generations: dict[str, int] = field(default_factory=dict)
    _waiting: dict[str, str] = field(default_factory=dict)
    _standing: set[str] = field(default_factory=set)
    _loads: dict[str, str] = field(default_factory=dict)

    def send(self, alert: Alert) -> None:
        """Takes an alert; see `resources.notifications.Notifier`. A repeated or ended one is no second one."""
        if alert.title.startswith("ended: "):
            self._standing.discard(alert.case)
            return
        if alert.case in self._standing:
            return
        is_news = alert.severity == "info"  # no end of it is told
        if not is_news:
            self._standing.add(alert.case)
        day = alert.partition.partition(" ")[0]
        self._add(
            "news" if is_news else "alert", alert.product, about=alert.asset,
            day=date.fromisoformat(day) if is_day(day) else None, text=f"{alert.title}: {alert.message}",
        )  # fmt: skip

    def ran(self, product: Product, started: Sequence[Started]) -> None:
        """Notes the runs that a tick has started."""
        for run in started:
            counts = self.runs.setdefault(run.job, [0, 0])
            counts[0] += 1
            counts[1] += bool(run.error)
            cause = run.tags.get("loopline/cause", "")
            day = date.fromisoformat(run.partition) if is_day(run.partition) else None
            if run.job == retrain_name(product):
                self._add("retrain", product.name, cause=cause, text=run.tags.get("loopline/causes", ""))
                if run.error:
                    self._add("refused", product.name, cause=cause, text=run.error)
            elif run.error:
                self._add("run_failed", product.name, about=run.job, day=day, text=run.error)

    def loaded(self, product: Product, instance: dg.DagsterInstance) -> None:
        """Notes that the online store was loaded whole, because it was not there or not what it ought to be."""
        event = instance.get_latest_materialization_event(asset_key(product, ONLINE_STORE))
        made = None if event is None else event.asset_materialization
        if event is None or made is None or self._loads.get(product.name) == event.run_id:
            return
        self._loads[product.name] = event.run_id
        said = made.metadata.get("loaded")
        if said is not None and str(said.value).startswith("everything"):
            self._add("reloaded", product.name, about=ONLINE_STORE, text=f"online store: {said.value}")

    def repaired(self, product: Product, first: date, last: date) -> None:
        """Notes the days that people have made again."""
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            self._add("repaired", product.name, day=day, text=f"{day} was delivered again and made")

    def failed_by_hand(self, product: Product, day: date, words: str) -> None:
        """Notes that a day could not be made by people either."""
        self._add("run_failed", product.name, day=day, text=words)

    def refused(self, product: Product, words: str) -> None:
        """Notes a model that was refused before anything ran."""
        self._add("refused", product.name, text=words)

    def waits(self, product: Product, skipped: Mapping[str, str], failed: Mapping[str, str]) -> None:
        """Notes what the loop waits for, once for each reason: files of a day, or a dependency that does not answer.

        Args:
            skipped: By sensor, the reason of its last skip.
            failed: By sensor, why its last tick failed.
        """
        said = {name: reason for name, reason in skipped.items() if any(words in reason for words in _WAITING)}
        for name, reason in {**said, **failed}.items():
            if reason != self._waiting.get(name):
                self._add("waits", product.name, about=name, text=reason)
        own = {name for name in self._waiting if name.startswith(product.name)}
        for name in own - said.keys() - failed.keys():
            del self._waiting[name]
        self._waiting |= said | dict(failed)

    def moves(self, product: Product, store: RolloutStore) -> None:
        """Notes the moves of the rollout since the last call."""
        state = store.read_manifest(product.name)
        if state is None:
            return
        since = self._generations.get(product.name, -1)
        for move in state.moves:
            if move.generation > since and move.action in _MOVES:
                self._moved(product, move)
        self._generations[product.name] = state.generation

    def _moved(self, product: Product, move: Move) -> None:
        text = f"{move.by}: {move.reason}"
        self._add(_MOVES[move.action], product.name, about=move.version, text=text, at=move.at)

    def quarantined(self, product: Product, lake: Lake, day: date) -> None:
        """Notes the rows of a day that were set aside, by source."""
        for source in product.sources:
            table = f"{product.name}/quarantine_{source.name}"
            if not lake.exists(table):
                continue
            rows = lake.read(table, days=[day])
            if rows.num_rows:
                self._add(
                    "quarantine", product.name, about=source.name, day=day, rows=rows.num_rows,
                    text=f"{rows.num_rows} rows of {source.name}",
                )  # fmt: skip

    def decided(
        self, product: Product, day: date, rows: pa.Table, answered: Answered, accepted: Mapping[str, bool],
        champion: str,
    ) -> None:  # fmt: skip
        """Notes the figures of a day.

        Args:
            rows: What would become of each row of the day: columns row_id, stake and bad.
            accepted: By row, whether the bank went on with it.
        """
        stakes = STAKES[product.name]
        listed: list[dict[str, Any]] = rows.to_pylist()
        profit = sum(
            stakes.worth(accepted=accepted[one["row_id"]], bad=bool(one["bad"]), stake=one["stake"]) for one in listed
        )
        perfect = sum(stakes.worth(accepted=not one["bad"], bad=bool(one["bad"]), stake=one["stake"]) for one in listed)
        self.figures.append(
            DayFigures(
                day=day, product=product.name, requests=len(listed), answered=len(answered.decisions),
                fallbacks=sum(bool(one.get("fallback")) for one in answered.decisions.values()),
                accepted=sum(accepted.values()), champion=champion, profit=profit, perfect=perfect,
            )
        )  # fmt: skip

    def record(self, first: date, last: date) -> Record:
        """All that was noted of these days of operation, in the order of time."""
        observed = sorted((one for one in self.observations if one.at.date() >= first), key=lambda one: one.at)
        return Record(first=first, last=last, observations=tuple(observed), figures=tuple(self.figures))

    def _add(self, seen: Seen, product: str, *, at: datetime | None = None, **terms: Any) -> None:
        one = Observation(at=at or self.clock.now(), seen=seen, product=product, **terms)
        self.observations.append(one)
        with self.trail.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(one.to_dict())}\n")
