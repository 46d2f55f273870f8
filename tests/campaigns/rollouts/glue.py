"""Runs a rollout in simulated time: the code's own assignment, trials, verdicts and moves over made-up traffic.

Belongs here: what the decision service notes of a request, in its words; the clock; the end. Does not belong here: the
traffic (`generator.py`), the judgement (`oracle.py`), the store (`glue_store.py`), HTTP (`glue_http.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.product import Profit, Rollout, Verdict
from assets.rollout.assignment import place
from assets.rollout.evidence.wealth import Evidence
from assets.rollout.moves import Who, advanced, begun, paused, promoted, taken_out
from assets.rollout.outcomes.cohorts import Terms, bad_rate_evidence
from assets.rollout.steps import StepAction, next_step
from assets.rollout.trial import Outcome, Seen, Trial, read_together
from resources.rollout_store.manifest import Release, RolloutManifest
from tests.campaigns.rollouts.generator import DAY, Answers, Batch, Traffic
from tests.campaigns.rollouts.oracle import End, Ending

START = datetime(2026, 3, 1, tzinfo=UTC)
TERMS = Terms(accept="accept", profit=Profit(good=1.0, bad=1.0), entity="customer")


@dataclass
class Simulated:
    """One rollout of version 2 over version 1.

    Attributes:
        maturity: Seconds until a label is due.
        processes: How many processes decide; each keeps a trial of its own and reads those of the others.
    """

    traffic: Traffic
    policy: Rollout
    maturity: float = DAY
    processes: int = 1
    state: RolloutManifest = field(init=False)

    def __post_init__(self) -> None:
        first = RolloutManifest(
            product="loans",
            champion=Release(version="1", digest="1" * 64),
            updated_at=START,
            by="judge",
            reason="first",
        )
        who = Who("judge", f"world {self.traffic.seed}", START)
        begins = begun(first, (Release(version="2", digest="2" * 64),), self.policy, who)
        # Each world is another rollout, which assigns other entities.
        self.state = replace(begins, rollout=f"rollout-{self.traffic.seed}")
        people = [f"C{number}" for number in range(self.traffic.entities)]
        name = f"loans/{self.state.rollout}"
        self._arms = np.array([place(name, [one]) for one in people])
        self._places = np.array([place(f"{name}/evidence", [one]) for one in people])
        self._trials = [Trial.none(self.state.rollout, self.policy, START) for _ in range(self.processes)]
        self._decided: list[pa.Table] = []
        self._labels: dict[str, Evidence] = {}
        self._chance = np.random.default_rng([self.traffic.seed, 11])

    def end(self, name: str, *, every: float, days: float, kind: str = "", multiple: float = 0.0) -> End:
        """Runs until the rollout ends, or for so many days; looks every so many seconds, at labels once a day."""
        requests, labelled, found = 0, 0.0, Verdict[StepAction]("hold", ("it has begun",))
        until = 0.0
        for batch in self.traffic.batches(every, days * DAY):
            until, now = batch.until, START + timedelta(seconds=batch.until)
            requests += len(batch.times)
            self._note(batch, now)
            if batch.until - labelled >= DAY:
                labelled = batch.until
                self._labels = dict(self._matured(batch.until))
            signals = read_together(self._trials, self.policy, self.state.stage)
            signals = replace(signals, evidence={**signals.evidence, **self._labels})
            found = next_step(self.state, signals, self.policy, now)
            if found.action in ("roll_back", "promote", "pause"):
                break
            if found.action == "advance":
                self.state = advanced(self.state, Who("steward", "; ".join(found.reasons), now))
        waited = START + timedelta(seconds=until) - (self.state.since or START)
        stage, step = self.state.stage, self.state.step
        return End(
            name=name, kind=kind, multiple=multiple, ending=self._ended(found, until), hours=until / 3_600.0,
            requests=requests, tried=sum(sum(trial.requests.values()) for trial in self._trials),
            in_time=waited <= self.policy.deadline, reasons=(f"{stage} {step}", *found.reasons),
        )  # fmt: skip

    def _ended(self, found: Verdict[StepAction], until: float) -> Ending:
        """Makes the last move, so that the state says how it ended."""
        who = Who("steward", "; ".join(found.reasons), START + timedelta(seconds=until))
        match found.action:
            case "roll_back":
                self.state = taken_out(self.state, who, "2")
                return "rolled_back"
            case "promote":
                self.state = promoted(self.state, who)
                return "promoted"
            case "pause":
                self.state = paused(self.state, who)
                return "paused"
            case _:
                return "running"

    def _note(self, batch: Batch, now: datetime) -> None:
        rows = self._rows(batch)
        at = self._chance.integers(0, self.processes, len(rows)).tolist() if self.processes > 1 else [0] * len(rows)
        for number, trial in enumerate(self._trials):
            own = [row for row, process in zip(rows, at, strict=True) if process == number]
            if own:
                others = [one for one in self._trials if one is not trial]
                self._trials[number] = trial.after(own, now, elsewhere=others)

    def _rows(self, batch: Batch) -> list[Seen]:
        """What the service notes.

        In a canary, a request that its arm does not decide counts as an error of that arm.
        """
        before, now = (self._outcomes(answers) for answers in (batch.champion, batch.challenger))
        where = self._places[batch.entities].tolist()
        step = self.state.step
        if self.state.stage == "shadow":
            return [Seen(step, at, 0.0, old, new) for at, old, new in zip(where, before, now, strict=True)]
        share = self.state.challengers[0].share
        challenged = self._arms[batch.entities] < share
        self._keep(batch, challenged, share)
        return [
            Seen(step, at, share, None, new) if is_new else Seen(step, at, share, old, None)
            for at, is_new, old, new in zip(where, challenged.tolist(), before, now, strict=True)
        ]

    def _outcomes(self, answers: Answers) -> list[Outcome]:
        late = answers.milliseconds > self.policy.latency_ms
        scores = np.where(answers.failed, np.nan, answers.scores)
        columns = (
            answers.failed, answers.fell_back & ~answers.failed, late, answers.refused & ~answers.failed, scores
        )  # fmt: skip
        return [Outcome(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]

    def _keep(self, batch: Batch, challenged: NDArray[np.bool_], share: float) -> None:
        """The decisions as the outcomes of the lake have them; a label where accepted."""
        one, two = batch.champion, batch.challenger
        failed, refused, bad = (
            np.where(challenged, new, old)
            for old, new in ((one.failed, two.failed), (one.refused, two.refused), (one.bad, two.bad))
        )
        label = pa.array(bad.astype(np.float64), pa.float64(), mask=refused)
        table = pa.table(
            {
                "at": batch.times,
                "decided_at": pa.array((batch.times * 1e6).astype(np.int64)).cast(pa.timestamp("us", "UTC")),
                "bundle": np.where(challenged, "2", "1"),
                "role": np.where(challenged, "challenger", "champion"),
                "share": np.where(challenged, share, 1.0 - share),
                "outcome": np.where(refused, "refuse", "accept"),
                "label": label,
                "customer": [f"C{number}" for number in batch.entities.tolist()],
            }
        )
        self._decided.append(table.filter(pa.array(~failed)))

    def _matured(self, now: float) -> Sequence[tuple[str, Evidence]]:
        if not self._decided:
            return ()
        rows = pa.concat_tables(self._decided)
        rows = rows.filter(pa.array(rows["at"].to_numpy() <= now - self.maturity))
        return tuple(bad_rate_evidence(rows, "2", self.policy, TERMS).items()) if rows.num_rows else ()
