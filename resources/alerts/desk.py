"""The desk: every alert goes through it, is kept in the book, and told to its targets once.

Belongs here: the order of keeping and telling, so that of two processes one tells. Does not belong here: what is told
when (`life.py`), the senders (`pipelines.alerting.alerts`), what ends an alert (`pipelines.alerting.endings`).

An alert is in the book before it is told. A process claims the message in the book, tells it, and notes that it was
told; another one leaves a claimed message alone. Where a target did not take it, or the process died, the message is
told again to the targets that lack it, after the claim has ended: at least once, and never by two at the same time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from resources.alerts.book import AlertBook, States
from resources.alerts.life import (
    AlertState,
    Mark,
    Step,
    acknowledged,
    message_of,
    next_alert,
    resolved,
    seen,
    silenced,
    told,
)
from resources.alerts.policy import AlertError, AlertPolicy
from resources.alerts.targets import Target
from resources.locks import LockError
from resources.notifications import Alert, NotificationFailed

_CLAIM = timedelta(minutes=5)
"""Longer than every target may take together."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class AlertDesk:
    """The alerts of one product.

    Attributes:
        owner: Who answers for an alert that names nobody.
        targets: Reads the targets; asked when there is something to tell.
    """

    product: str
    owner: str
    policy: AlertPolicy
    book: AlertBook
    targets: Callable[[], Sequence[Target]] = field(repr=False)
    now: Callable[[], datetime] = field(default=_now, repr=False)

    def send(self, alert: Alert) -> None:
        """Keeps the alert, and tells it unless it was told, is silenced or acknowledged.

        Raises:
            NotificationFailed: A target did not take it; it is kept, and `tell` tries again.
            AlertError, LockError: As for `keep`.
        """
        self.keep([alert])
        self._tell([alert.case])

    def keep(self, alerts: Sequence[Alert]) -> None:
        """Keeps alerts that `tell` tells: that one of them cannot be told holds no other back.

        Where the book cannot be used, every target is told at once: twice is better than never.

        Raises:
            AlertError, LockError: The book cannot be used.
        """
        now = self.now()

        def see(states: States) -> States:
            return {**states, **{one.case: seen(states.get(one.case), one, self.owner, now) for one in alerts}}

        try:
            self.book.change(self.product, see, now)
        except (AlertError, LockError):
            for alert in alerts:
                self._announce(replace(alert, owner=alert.owner or self.owner), ())
            raise

    def tell(self, endings: Mapping[str, str]) -> tuple[str, ...]:
        """Ends alerts, and tells whatever is due: what is new or not delivered, is repeated, escalated or has ended.

        Args:
            endings: Of alerts that have ended, by case, the reason.

        Returns:
            A sentence for each message.

        Raises:
            NotificationFailed, AlertError: As for `send`; everything else was told.
        """
        now = self.now()

        def end(states: States) -> States:
            return {c: resolved(state, endings[c], now) if c in endings else state for c, state in states.items()}

        states = self.book.change(self.product, end, now)
        return self._tell(case for case, one in states.items() if next_alert(one, self.policy, now)[1].action != "hold")

    def standing(self) -> States:
        """The alerts that stand, by case."""
        return {case: state for case, state in self.book.read(self.product).items() if state.is_open}

    def find(self, case: str) -> AlertState:
        """An alert, also one that has ended.

        Raises:
            AlertError: There is no such alert.
        """
        return self._found(self.book.read(self.product), case)

    def silence(self, case: str, mark: Mark) -> AlertState:
        """Silences an alert, and those of its case that follow, until the mark ends.

        Raises:
            AlertError: There is no such alert, or the mark is not valid.
        """
        return self._mark(case, lambda state, now: silenced(state, mark, now))

    def acknowledge(self, case: str, mark: Mark) -> AlertState:
        """Notes that a person looks after an alert.

        Raises:
            AlertError: There is no such alert, it has ended, or the mark is not valid.
        """
        return self._mark(case, lambda state, _: acknowledged(state, mark))

    def _mark(self, case: str, change: Callable[[AlertState, datetime], AlertState]) -> AlertState:
        now = self.now()

        def marked(states: States) -> States:
            return {**states, case: change(self._found(states, case), now)}

        return self.book.change(self.product, marked, now)[case]

    def _found(self, states: States, case: str) -> AlertState:
        if case not in states:
            raise AlertError(f"{self.product} has no alert '{case}'; see: loopline alerts {self.product}")
        return states[case]

    def _tell(self, cases: Iterable[str]) -> tuple[str, ...]:
        done, failures = [], []
        for case in cases:
            claimed = self._claim(case)
            if claimed is None:
                continue
            state, step = claimed
            try:
                self._deliver(case, state, step)
            except NotificationFailed as failure:
                failures.append(str(failure))
            else:
                done.append(f"{case}: {step.action}: {step.reason}")
        if failures:
            raise NotificationFailed("; ".join(failures))
        return tuple(done)

    def _claim(self, case: str) -> tuple[AlertState, Step] | None:
        """The message that this process is to tell; `None` if nothing is due, or another process tells it."""
        now, found = self.now(), []

        def claim(states: States) -> States:
            state = states.get(case)
            if state is None or (state.claimed_until is not None and now < state.claimed_until):
                return states
            after, step = next_alert(state, self.policy, now)
            if step.action == "hold":
                return states
            after = replace(after, claimed_until=now + _CLAIM)
            found.append((after, step))
            return {**states, case: after}

        self.book.change(self.product, claim, now)
        return found[0] if found else None

    def _deliver(self, case: str, state: AlertState, step: Step) -> None:
        """Tells every target that lacks the message, and notes it."""
        reached, failures = self._announce(message_of(state, step), state.reached)
        now = self.now()

        def note(states: States) -> States:
            present = states.get(case, state)
            if failures:
                return {**states, case: replace(present, claimed_until=None, reached=reached)}
            return {**states, case: told(present, state.severity, now)}

        self.book.change(self.product, note, now)
        if failures:
            raise NotificationFailed("; ".join(failures))

    def _announce(self, alert: Alert, reached: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
        """The targets that have the message now, and the failures; a failure of one does not stop the others."""
        done, failures = list(reached), []
        for target in self.targets():
            if target.name in reached or not target.wants(alert):
                continue
            try:
                target.notifier.send(alert)
            except NotificationFailed as failure:
                failures.append(str(failure))
            else:
                done.append(target.name)
        return tuple(done), failures
