"""Sends the fuzzer's requests one after another, judges the answers and collects what is wrong.

Belongs here: sockets, the order of things, the report. Does not belong here: requests (`bytes_fuzzer.py`), the
rules for answers (`judge.py`).

Every well framed request goes over one connection that lives on; after every attack an honest request over it must get
the decision that it always gets. Attacks are sequential, so the service is never overloaded.
"""

import argparse
import select
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.campaigns.http.bytes_fuzzer import BytesFuzzer
from tests.campaigns.http.judge import Case, decision_of, fault_of, fault_of_decision
from tests.campaigns.http.limits import ANSWER_SECONDS, GIVEN_UP_SECONDS
from tests.campaigns.http.target import Target, running_target
from tests.campaigns.http.wire import Connection, NoAnswer, Response

_PATIENTS = 4
_HANGS_ENOUGH = 20
_SHOWN_BYTES = 1_500


@dataclass(frozen=True)
class Failure:
    """One broken promise: what was sent, what came back."""

    seed: int
    index: int
    kind: str
    fault: str
    sent: bytes
    answer: bytes

    def __str__(self) -> str:
        return (
            f"{self.kind}: {self.fault}\n  replay: --seed {self.seed} --only {self.index}\n"
            f"  sent   {_shown(self.sent)}\n  answer {_shown(self.answer)}"
        )


@dataclass
class Report:
    """What a run found.

    Attributes:
        statuses: How often each status was answered; `closed` for a connection that ended instead.
        counts: How often each kind of attack failed in each way.
        examples: The shortest request of each of these.
    """

    done: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], Failure] = field(default_factory=dict)

    def add(self, failure: Failure) -> None:
        """Counts a failure and keeps it when it is the shortest of its kind."""
        key = (failure.kind, failure.fault[:48])
        self.counts[key] += 1
        if key not in self.examples or len(failure.sent) < len(self.examples[key].sent):
            self.examples[key] = failure

    def __str__(self) -> str:
        failures = "\n".join(f"{count} x {self.examples[key]}" for key, count in self.counts.most_common())
        return f"{self.done} requests, answers {dict(self.statuses)}, {sum(self.counts.values())} failures\n{failures}"


@dataclass
class _Patient:
    """A connection that waits, with the service still awaiting bytes."""

    index: int
    case: Case
    connection: Connection


class FuzzRun:
    """One run over one target."""

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._fuzzer = BytesFuzzer(target, seed)
        self._products = list(target.requests)
        self._line: Connection | None = None
        self._patients: list[_Patient] = []
        self._hangs = 0
        self.report = Report()
        self._usual = {product: self._first_decision(product) for product in self._products}

    def run(self, indices: Sequence[int], each: Callable[[int], None] = lambda _: None) -> Report:
        """Sends the attacks of the indices; ends early when the service hangs again and again."""
        for index in indices:
            case = self._fuzzer.case(index)
            try:
                self._attack(index, case, early=self.report.done < len(indices) / 2)
            except OSError as error:
                self._fail(index, case, f"the service takes no connection any more: {error}")
                break
            self._look_at_patients(0.0)
            self.report.done += 1
            each(self.report.done)
            if self._hangs > _HANGS_ENOUGH:
                break
        while self._patients:
            self._look_at_patients(0.2)
        if self._line:
            self._line.close()
        return self.report

    def _first_decision(self, product: str) -> tuple[Any, ...]:
        with Connection(self._target.address, seconds=ANSWER_SECONDS) as connection:
            connection.send([self._fuzzer.honest(product)])
            answer = connection.read("POST", seconds=ANSWER_SECONDS)
        if answer.status != 200:
            raise RuntimeError(f"an honest request of {product} is not decided: {answer.raw!r}")
        return decision_of(answer)

    def _connection(self) -> Connection:
        if self._line is None:
            self._line = Connection(self._target.address, seconds=ANSWER_SECONDS)
        return self._line

    def _drop(self) -> None:
        if self._line:
            self._line.close()
            self._line = None

    def _fail(self, index: int, case: Case, fault: str, answer: bytes = b"") -> None:
        seed, sent = self._fuzzer.seed, b"".join(case.pieces)
        self.report.add(Failure(seed, index, case.kind, fault, sent, answer))

    def _no_answer(self, index: int, case: Case, end: NoAnswer, what: str) -> None:
        self._hangs += end.how == "silent"
        self._fail(index, case, f"{what}: {end.how}", end.got)

    def _attack(self, index: int, case: Case, *, early: bool) -> None:
        if case.framing == "well":
            self._well_framed(index, case)
        else:
            # Some do not end their side, early enough that nobody waits for them when all is done.
            self._ill_framed(index, case, wait=early and index % 4 == 0)
        self._honest(index, case)

    def _well_framed(self, index: int, case: Case) -> None:
        line = self._connection()
        early = self._send_after_continue(case, line) if case.continues else None
        if not case.continues:
            line.send(case.pieces, pause=0.001 if len(case.pieces) > 1 else 0.0)
        for method in case.methods:
            try:
                answer = early or line.read(method, seconds=ANSWER_SECONDS)
            except NoAnswer as end:
                self._no_answer(index, case, end, "no answer")
                self._drop()
                return
            self._judge(index, case, answer, method)
            if answer.closes or case.last:
                if not line.is_ended(ANSWER_SECONDS):
                    self._fail(index, case, "the connection stays open after `Connection: close`", answer.raw)
                self._drop()
                return
        if early:  # The body was never sent, so the connection is of no further use.
            self._drop()

    def _send_after_continue(self, case: Case, line: Connection) -> Response | None:
        """Sends head and body; an answer that came instead of `100 Continue` stands for the body."""
        line.send(case.pieces[:1])
        try:
            answer = line.read("POST", seconds=1.0, interim=True)
        except NoAnswer as end:
            if end.how != "silent":
                return None
        else:
            if answer.status != 100:
                return answer
        line.send(case.pieces[1:])
        return None

    def _judge(self, index: int, case: Case, answer: Response, method: str) -> None:
        self.report.statuses[str(answer.status)] += 1
        fault = fault_of(case, answer, method)
        if not fault and case.decides and answer.status == 200:
            fault = fault_of_decision(answer)
        if not fault and case.honest and decision_of(answer) != self._usual[case.honest]:
            fault = "another decision than always"
        if fault:
            self._fail(index, case, fault, answer.raw)

    def _honest(self, index: int, case: Case) -> None:
        product = self._products[index % len(self._products)]
        try:
            line = self._connection()
            line.send([self._fuzzer.honest(product)])
            answer = line.read("POST", seconds=ANSWER_SECONDS)
        except NoAnswer as end:
            self._no_answer(index, case, end, "the next request over the connection is lost")
            self._drop()
            return
        if decision_of(answer) != self._usual[product]:
            self._fail(index, case, f"the next request is answered with {answer.status}", answer.raw)
        if answer.closes:
            self._drop()

    def _ill_framed(self, index: int, case: Case, *, wait: bool) -> None:
        connection = Connection(self._target.address, seconds=ANSWER_SECONDS)
        connection.send(case.pieces)
        if wait and len(self._patients) < _PATIENTS:
            self._patients.append(_Patient(index, case, connection))
            return
        connection.end_sending()
        self._read_to_end(index, case, connection, ANSWER_SECONDS)

    def _look_at_patients(self, seconds: float) -> None:
        """Reads what has come for those that wait, and fails those that waited too long."""
        ready = select.select([one.connection for one in self._patients], [], [], seconds)[0] if self._patients else []
        for patient in list(self._patients):
            if patient.connection in ready:
                self._patients.remove(patient)
                self._read_to_end(patient.index, patient.case, patient.connection, 0.5)
            elif time.monotonic() - patient.connection.opened > GIVEN_UP_SECONDS:
                self._patients.remove(patient)
                patient.connection.close()
                self._fail(patient.index, patient.case, f"neither answered nor closed within {GIVEN_UP_SECONDS:g} s")

    def _read_to_end(self, index: int, case: Case, connection: Connection, seconds: float) -> None:
        """Judges all answers until the service closes; after an answer it may also wait for more."""
        answers = 0
        with connection:
            while True:
                try:
                    answer = connection.read(case.methods[0], seconds=seconds)
                except NoAnswer as end:
                    if end.how in ("cut short", "no HTTP") or (not answers and end.how != "closed"):
                        self._no_answer(index, case, end, "no clean end")
                    self.report.statuses["closed"] += not answers
                    return
                answers += 1
                self._judge(index, case, answer, case.methods[0])
                if answer.closes:
                    return


def _shown(raw: bytes) -> str:
    if len(raw) <= _SHOWN_BYTES:
        return repr(raw)
    return f"{raw[:_SHOWN_BYTES]!r} ... {len(raw)} bytes"


def main() -> None:
    """The command: attacks a service of its own and prints the report."""
    parser = argparse.ArgumentParser(description="attacks the decision service with broken requests")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--only", type=int, help="one index")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_target(Path(folder)) as target:
        started = time.monotonic()
        indices = range(asked.count) if asked.only is None else [asked.only]
        report = FuzzRun(target, asked.seed).run(indices)
        print(report)
        print(f"{time.monotonic() - started:.1f} s", file=sys.stderr)
    sys.exit(bool(report.counts))


if __name__ == "__main__":
    main()
