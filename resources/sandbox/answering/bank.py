"""The bank that answers, day by day.

Belongs here: one day of all sources from the world and from the decisions that were answered, in the order of time.
Does not belong here: what people do (`loans.py`, `fraud.py`), faults (`faults.py`), the places (`places.py`).

    bank.live_through(day)          a day of the past, which the bank's old policy decided
    payments = bank.open(day)       a day begins: its applications and payments
    bank.close(day, answers)        it ends: what was answered has its consequences, and the day's rows are delivered
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.moments import DAY_US, midnight_us
from resources.sandbox.answering.faults import Delivered, delivered
from resources.sandbox.answering.fraud import Fraudsters, payments_of
from resources.sandbox.answering.loans import potential_loans
from resources.sandbox.answering.places import Places
from resources.sandbox.planned.incidents import PlannedIncident, in_force
from resources.sandbox.world.bureau_reports import make_reports
from resources.sandbox.world.card_feeds import LABEL_DELAY_DAYS, labels_feed, payments_feed
from resources.sandbox.world.cards import Cards, honest_payments
from resources.sandbox.world.consents import consents_feed
from resources.sandbox.world.feeds import Feed
from resources.sandbox.world.incidents import Incident
from resources.sandbox.world.lending import applications_feed, granted_by_old_policy, make_requests
from resources.sandbox.world.people import make_people
from resources.sandbox.world.settings import BankSettings
from resources.sandbox.world.transactions import transactions_feed

Answers = Mapping[str, Mapping[str, bool]]
"""By product and row, whether it was accepted. An application without an answer is refused, a payment let through."""


@dataclass(frozen=True)
class Morning:
    """What comes on a day.

    Attributes:
        applications, bureau_reports, payments: The rows of these sources, as they are delivered later.
        fraud_labels: The labels that become known, of payments of the days before; none that comes late.
    """

    applications: pa.Table
    bureau_reports: pa.Table
    payments: pa.Table
    fraud_labels: pa.Table


@dataclass(frozen=True)
class Truth:
    """What would have become of each row, decided or not; of the judge alone.

    Attributes:
        rows: Columns row_id, day, stake (EUR), accepted and bad (0 or 1).
    """

    rows: pa.Table


@dataclass
class _Day:
    day: date
    payments: Cards
    hit: np.ndarray


@dataclass
class AnsweringBank:
    """A bank; the same settings, plan and answers give the same bytes.

    Attributes:
        keenness: How much fraudsters do, as a multiple of what is usual.
    """

    settings: BankSettings
    plan: Sequence[PlannedIncident]
    places: Places
    keenness: float = 1.0
    _labels: dict[date, list[pa.Table]] = field(default_factory=dict)
    _spoiled: dict[tuple[str, date], pa.Table] = field(default_factory=dict)
    _held: list[Delivered] = field(default_factory=list)
    _truth: list[pa.Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        drifts = tuple(
            Incident(kind="drift", day=one.day, last_day=one.last_day, strength=one.strength)
            for one in self.plan if one.kind == "covariate_drift"
        )  # fmt: skip
        world = replace(self.settings, incidents=drifts)
        people = make_people(world)
        requests = make_requests(world, people)
        reports = make_reports(world, people, requests.customer, requests.at)
        before = granted_by_old_policy(world, people, requests, reports.score_at_request)
        self._loans = potential_loans(world, people, requests, before, self.plan)
        self._granted = np.zeros(len(requests.at), bool)
        feeds = (
            consents_feed(world, people), applications_feed(world, people, requests), reports.feed,
            transactions_feed(world, people),
        )  # fmt: skip
        self._feeds: dict[str, Feed] = {feed.source: feed for feed in feeds}
        self._payments, cards = honest_payments(world, people, world.rng("cards"))
        self._fraudsters = Fraudsters(world.seed, cards, world.terminals, self.keenness, self.plan)
        none = payments_of(self._payments, world.first_day - timedelta(days=1))
        self._no_labels = labels_feed(none, first=world.first_day, last=world.first_day).table
        self._open: _Day | None = None
        self.places.prepare()

    @property
    def fraudsters(self) -> Fraudsters:
        """Those who attack the cards."""
        return self._fraudsters

    def live_through(self, day: date) -> None:
        """A day of the past: the old policy decided on loans, and nobody stopped a payment."""
        self.open(day)
        mine = self._of_day(day)
        ids = self._loans.ids.filter(pa.array(mine & self._loans.granted_before))
        self.close(day, {"credit_risk": dict.fromkeys(ids.to_pylist(), True)})

    def open(self, day: date) -> Morning:
        """A day begins."""
        payments, hit = self._fraudsters.attack(day, payments_of(self._payments, day))
        self._open = _Day(day, payments, hit)
        return Morning(
            self._rows("applications", day),
            self._rows("bureau_reports", day),
            payments_feed(payments, first=day, last=day).table,
            self._labels_told(day),
        )

    def _labels_told(self, day: date) -> pa.Table:
        there = self._labels.get(day)
        if there is None:
            return self._no_labels
        told = delivered("fraud_labels", day, pa.concat_tables(there), self.plan, self.settings.seed)
        return told.rows if told.on == day else self._no_labels

    def _opened(self) -> _Day:
        if self._open is None:
            raise ValueError("no day is open; call open() first")
        return self._open

    def becoming(self, product: str) -> dict[str, bool]:
        """What would become of each row of the day that is open: whether it would turn out badly.

        Raises:
            ValueError: No day is open.
        """
        opened = self._opened()
        if product == "card_fraud":
            payments = opened.payments
            return dict(zip(map(str, payments.transaction_id.tolist()), map(bool, payments.fraud), strict=True))
        mine = self._of_day(opened.day)
        ids = self._loans.ids.filter(pa.array(mine)).to_pylist()
        return dict(zip(ids, self._loans.bad[mine].tolist(), strict=True))

    def close(self, day: date, answers: Answers) -> None:
        """The day ends: what was answered has its consequences, and its rows are delivered.

        Raises:
            ValueError: It was not opened.
        """
        opened, self._open = self._opened(), None
        credit, fraud = answers.get("credit_risk", {}), answers.get("card_fraud", {})
        mine = np.flatnonzero(self._of_day(day))
        ids = self._loans.ids.take(pa.array(mine)).to_pylist()
        self._granted[mine] = [credit.get(one, False) for one in ids]
        passed = np.array([fraud.get(str(one), True) for one in opened.payments.transaction_id.tolist()], bool)
        self._fraudsters.learn(opened.hit, passed)
        self._keep_labels(day, opened.payments, passed)
        self._keep_truth(day, mine, ids, opened.payments, passed)
        rows = {
            "consents": self._rows("consents", day),
            "applications": self._rows("applications", day),
            "transactions": self._rows("transactions", day),
            "bureau_reports": self._rows("bureau_reports", day),
            "repayments": self._loans.messages(day, self._granted),
            "card_transactions": payments_feed(opened.payments, first=day, last=day).table,
            "fraud_labels": self._labels_on(day),
        }
        for source, table in rows.items():
            one = delivered(source, day, table, self.plan, self.settings.seed)
            self._held.append(one)
            if one.rows is not table:
                self._spoiled[source, day] = table
        for one in [held for held in self._held if held.on <= day]:
            self.places.add(one.source, one.day, one.rows)
        self._held = [held for held in self._held if held.on > day]

    def redeliver(self, source: str, day: date) -> bool:
        """Delivers a day of a source again as it ought to have been; returns whether it had been spoiled.

        Rows of the database are not taken back. Of a stream its owner can only drop what is there twice.
        """
        rows = self._spoiled.pop((source, day), None)
        if rows is None or source in ("consents", "applications"):
            return False
        if source == "repayments":
            self.places.compact(source)
        else:
            self.places.add(source, day, rows)
        return True

    def truth(self, product: str, *, of_last_day: bool = False) -> Truth:
        """What would have become of each row of a product up to now, or of the day that was closed last."""
        rows = pa.concat_tables(self._truth[-1:] if of_last_day else self._truth)
        return Truth(rows.filter(pc.equal(rows["product"], product)).drop_columns(["product"]))

    def _of_day(self, day: date) -> np.ndarray:
        low = midnight_us(day)
        return np.asarray((self._loans.at >= low) & (self._loans.at < low + DAY_US))

    def _rows(self, source: str, day: date) -> pa.Table:
        feed = self._feeds[source]
        low, high = np.searchsorted(feed.known, [midnight_us(day), midnight_us(day) + DAY_US])
        return feed.table.slice(low, high - low)

    def _keep_labels(self, day: date, payments: Cards, passed: np.ndarray) -> None:
        """The labels of payments that were let through; what was stopped is not seen."""
        through = Cards(
            payments.transaction_id[passed], payments.card[passed], payments.terminal[passed], payments.at[passed],
            payments.cents[passed], payments.fraud[passed],
        )  # fmt: skip
        delays = in_force(self.plan, "label_delay", day, "fraud_labels")
        extra = max((int(one.strength) for one in delays), default=0)
        known = day + timedelta(days=LABEL_DELAY_DAYS)
        table = labels_feed(through, first=known, last=known).table
        if extra:
            late = pc.replace_substring(table["known_at"], str(known), str(known + timedelta(days=extra)))
            table = table.set_column(table.column_names.index("known_at"), "known_at", late)
        self._labels.setdefault(known + timedelta(days=extra), []).append(table)

    def _labels_on(self, day: date) -> pa.Table:
        there = self._labels.pop(day, None)
        return pa.concat_tables(there) if there else self._no_labels

    def _keep_truth(self, day: date, mine: np.ndarray, ids: list[str], payments: Cards, passed: np.ndarray) -> None:
        n, m = len(ids), len(payments.at)
        self._truth.append(
            pa.table(
                {
                    "product": ["credit_risk"] * n + ["card_fraud"] * m,
                    "row_id": [*ids, *map(str, payments.transaction_id.tolist())],
                    "day": pa.array([day] * (n + m), pa.date32()),
                    "stake": np.concatenate([self._loans.amount[mine], payments.cents / 100]),
                    "accepted": np.concatenate([self._granted[mine], passed]),
                    "bad": np.concatenate([self._loans.bad[mine], payments.fraud]).astype(np.int8),
                }
            )
        )
