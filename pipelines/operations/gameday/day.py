"""One simulated day, hour by hour.

Belongs here: the order of a day: ticks of the daemon, the customers' calls, the bank's evening. Does not belong here:
what a tick is (`ticks.py`), the incidents.

    00:45          yesterday's rows have arrived; the sensors are asked until none wants anything
    02:00, …       schedules, each at its time; the sensors again, if a run was started or one failed that night
    05:00          people answer the alerts of the day before
    06, 12, 18, 24 the customers of the last six hours are decided; a rollout that is under way is looked at
    in the evening the bank closes: answers have their consequences, and rows are delivered
"""

import json
import time as machine
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from assets.serving.live.guard import SIMULATED_SECONDS
from pipelines.operations.gameday.callers import Answered, Callers
from pipelines.operations.gameday.people import OnCall
from pipelines.operations.gameday.stage import Played, Stage
from pipelines.operations.gameday.ticks import Started
from resources.sandbox.answering.bank import Morning
from resources.sandbox.world.keyed import uniform

_ARRIVED = time(0, 45)
_AT_WORK = time(5, 0)
_WINDOWS = (6, 12, 18, 24)
_LOOKS, _LONGEST_LOOK = 3 * SIMULATED_SECONDS, 10.0
"""Seconds of this machine in which the guard looks twice at least; those after which nobody waits for it any longer."""
_BUREAU, _LABELS = "bureau_reports", "fraud_labels"


@dataclass
class Operation:
    """The days of a game day, one after the other."""

    stage: Stage
    callers: Mapping[str, Callers]
    seed: int
    on_call: OnCall

    def day(self, day: date, restore: Callable[[], None]) -> None:
        """Lives through one day.

        Args:
            restore: Called in the evening, before the bank delivers: what was taken away is there again.
        """
        stage, start = self.stage, datetime.combine(day, time(), UTC)
        morning = stage.bank.open(day)
        self._night(day, start)
        answered = {one.product.name: Answered() for one in stage.played}
        for begin, end in zip((0, *_WINDOWS[:-1]), _WINDOWS, strict=True):
            window = (start + timedelta(hours=begin), start + timedelta(hours=end))
            stage.clock.set(window[1] - timedelta(milliseconds=1))
            for one in stage.played:
                self._call(one, morning, window, answered[one.product.name])
        accepted = {one.product.name: self._accepted(one, answered[one.product.name], day) for one in stage.played}
        restore()
        stage.bank.close(day, accepted)
        self._evening(day, answered, accepted)

    def _night(self, day: date, start: datetime) -> None:
        """The daemon's night: what has landed is made, and the schedules that are due."""
        stage = self.stage
        stage.clock.set(datetime.combine(day, _ARRIVED, UTC))
        # Sensors whose runs have all succeeded would ask for the same again: for nothing.
        troubled = {one.product.name for one in stage.played if any(run.error for run in self._sensors(one))}
        due = sorted(
            (moment, one.product.name, name)
            for one in stage.played
            for moment, name in one.ticker.schedules(start, start + timedelta(days=1))
        )
        by_name = {one.product.name: one for one in stage.played}
        for moment, product, name in due:
            stage.clock.set(moment)
            one = by_name[product]
            started = one.ticker.schedule(name, moment)
            stage.recorder.ran(one.product, started)
            self._made(one, started)
            if started or product in troubled:
                self._sensors(one)

        stage.clock.set(datetime.combine(day, _AT_WORK, UTC))
        for one in stage.played:
            self.on_call.react(one)

    def _sensors(self, one: Played, *, only: str = "") -> list[Started]:
        started = one.ticker.sensors(only=only)
        self.stage.recorder.ran(one.product, started)
        self._made(one, started)
        self.stage.recorder.moves(one.product, self.stage.rollout)
        if started:
            self.stage.recorder.loaded(one.product, self.stage.instance)
        if not only:
            self.stage.recorder.waits(one.product, one.ticker.skipped, one.ticker.failed)
        return started

    def _made(self, one: Played, started: Sequence[Started]) -> None:
        """Notes what was set aside of the days that runs have made."""
        for run in started:
            if run.partition and not run.error:
                self.stage.recorder.quarantined(one.product, self.stage.lake, date.fromisoformat(run.partition))

    def _call(self, one: Played, morning: Morning, window: tuple[datetime, datetime], answered: Answered) -> None:
        is_credit = one.product.spine.source == "applications"
        rows = _within(morning.applications if is_credit else morning.payments, window)
        told = {_BUREAU: morning.bureau_reports} if is_credit else {_LABELS: morning.fraud_labels}
        events = {source: _within(table, window) for source, table in told.items()}
        state = self.stage.rollout.read_manifest(one.product.name)
        before = len(answered.decisions)
        self.callers[one.product.name].call(rows, events, answered, state)
        if state is not None and state.rollout and len(answered.decisions) > before:
            self._await_guard(one.product.name, state.rollout)
            self._sensors(one, only="_rollout_sensor")

    def _await_guard(self, product: str, rollout: str) -> None:
        """Returns once the guard has judged all that was decided at this simulated moment; then the steward may look.

        A look may come between two of the moment's requests: only when the next looks add nothing have all been judged.
        """
        moment, deadline = self.stage.clock.now().isoformat(), machine.monotonic() + _LONGEST_LOOK
        before: list[bytes] = []
        while machine.monotonic() < deadline:
            records = sorted(self.stage.rollout.read_evidence(product, rollout).values())
            if records == before and any(json.loads(record)["at"] == moment for record in records):
                return
            before = records
            machine.sleep(_LOOKS)

    def _accepted(self, one: Played, answered: Answered, day: date) -> dict[str, bool]:
        """By row of the day, whether the bank goes on with it.

        A person looks at what is neither accepted nor refused, and is right in four of five cases. Nobody's payment is
        stopped because no answer came; nobody gets a loan without one.
        """
        policy, truth = one.product.decision, self.stage.bank.becoming(one.product.name)
        found = {}
        for number, (row, bad) in enumerate(truth.items()):
            outcome = answered.decisions[row]["outcome"] if row in answered.decisions else None
            if outcome is None:
                found[row] = policy.fallback == policy.accept
            elif outcome in (policy.accept, policy.refuse):
                found[row] = outcome == policy.accept
            else:
                right = uniform(self.seed, f"review {day}", number) < policy.review_accuracy
                found[row] = bad != right
        return found

    def _evening(self, day: date, answered: Mapping[str, Answered], accepted: Mapping[str, Mapping[str, bool]]) -> None:
        for one in self.stage.played:
            name, state = one.product.name, self.stage.rollout.read_manifest(one.product.name)
            rows = self.stage.bank.truth(name, of_last_day=True).rows
            champion = "" if state is None else state.champion.version
            self.stage.recorder.decided(one.product, day, rows, answered[name], accepted[name], champion)


def _within(rows: pa.Table, window: tuple[datetime, datetime]) -> pa.Table:
    """The rows that became known within a window; moments are text that sorts by time."""
    low, high = (f"{moment:%Y-%m-%dT%H:%M:%S}" for moment in window)
    known = rows["known_at"]
    return rows.filter(pc.and_(pc.greater_equal(known, low), pc.less(known, high)))
