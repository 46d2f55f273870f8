"""The scenarios of the game day, as frozen values.

Belongs here: how long each is, how large its bank is, which incidents it has, the form in which its products take part.
Does not belong here: the incidents themselves (`resources.sandbox.planned`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from assets.product import Product, Rollout, Step
from assets.product.policies.rollout import SANDBOX_GUARDS
from resources.errors import LooplineError
from resources.sandbox.planned.dates import PlanName
from resources.sandbox.world.settings import BankSettings


class UnknownScenario(LooplineError):
    """No scenario has that name; the message lists the scenarios."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One game day.

    Attributes:
        first: The first simulated day of operation.
        days: How many days of operation.
        history: Days before the first one, which the bank's old policy decided; the first model learns from them.
        card_history: Those of them that the tables of cards begin with: labels of cards are known within a week.
        products: Which products are operated.
        apart: Whether each product is operated by a process of its own, with a home, a Dagster instance and a decision
            service of its own: a game day then takes the time of its longest product.
        others: Products of the same bank that are operated elsewhere; their incidents happen to the bank too.
        plan: Which incidents happen.
        customers, applications_a_day, payments_a_day, cards, terminals: The size of the bank.
        keenness: Of the fraudsters, a multiple of what is usual: a small bank has too few frauds to learn from.
        trials: Settings that each training tries.
    """

    name: str
    title: str
    first: date
    days: int
    history: int
    products: tuple[str, ...]
    plan: PlanName
    apart: bool = False
    others: tuple[str, ...] = ()
    customers: int = 9_000
    applications_a_day: float = 12.0
    payments_a_day: float = 150.0
    cards: int = 300
    terminals: int = 800
    transactions_a_day: float = 1_200.0
    card_history: int = 110
    keenness: float = 3.0
    trials: int = 4

    @property
    def last(self) -> date:
        """The last simulated day."""
        return self.first + timedelta(days=self.days - 1)

    @property
    def start(self) -> date:
        """The first day of the bank's history."""
        return self.first - timedelta(days=self.history)

    @property
    def planned(self) -> tuple[str, ...]:
        """The products whose incidents happen to the bank."""
        return (*self.products, *self.others)

    @property
    def watches_cards(self) -> bool:
        """Whether a product that stops frauds is operated, so that fraudsters meet it."""
        return "card_fraud" in self.products

    def alone(self, product: str) -> "Scenario":
        """The scenario for the process that operates one of its products; the bank is the same."""
        others = tuple(name for name in self.planned if name != product)
        return replace(self, products=(product,), others=others, apart=False)

    def begins(self, product: str) -> date:
        """The first day of a product's tables."""
        days = min(self.history, self.card_history) if product == "card_fraud" else self.history
        return self.first - timedelta(days=days)

    def settings(self, seed: int) -> BankSettings:
        """The bank of this scenario with a seed."""
        days = self.history + self.days
        return BankSettings(
            seed=seed, customers=self.customers, first_day=self.start, last_day=self.last,
            applications=round(self.applications_a_day * days), transactions=round(self.transactions_a_day * days),
            cards=self.cards, terminals=self.terminals, card_transactions=round(self.payments_a_day * days),
            card_days=days,
        )  # fmt: skip

    def played(self, product: Product) -> Product:
        """The product as it takes part: the service decides its rows, and its rollouts suit the traffic.

        A rollout has sandbox-like guards and steps of so many requests as come within two weeks, of credit within
        four. Seven gates are wider than those of the product. With some two dozen frauds among the test rows of a small
        bank, an AUC is uncertain by a tenth, so that no model could ever be shown to rank as well as the champion; two
        honest samples differ by more than the product's limits, and one tampered terminal explains much of all frauds.
        A group is judged from 300 rows on: of 120 applicants the ratio of accepted shares is uncertain by a tenth, half
        of what is allowed.
        """
        gates = replace(
            product.gates, min_auc=min(product.gates.min_auc, 0.55), max_champion_loss=0.15, max_overfit=0.25,
            max_calibration_error=max(product.gates.max_calibration_error, 0.05),
            max_score_psi=1.0, max_single_feature_auc=0.98, max_label_information=0.7, min_group_rows=300,
        )  # fmt: skip
        steps = (
            Step(0.0, 60, timedelta(hours=1)),
            Step(0.25, 20, timedelta(hours=1)),
            Step(0.5, 60, timedelta(hours=1)),
        )
        rollout = Rollout(steps=steps, guards=SANDBOX_GUARDS, outcomes="watched", deadline=timedelta(days=35))
        found = replace(
            product, start=self.begins(product.name), rollout=rollout, gates=gates,
            model=replace(product.model, trials=self.trials),
            monitoring=replace(product.monitoring, judged="answered"),
        )  # fmt: skip
        found.check()
        return found


# Credit needs its labels' half year twice, to mature and to keep training and test apart, beside both windows.
_BOTH = ("card_fraud", "credit_risk")
_SCENARIOS = (
    Scenario(
        name="tiny", title="A few days of cards, for tests", first=date(2026, 3, 1), days=4, history=100,
        products=("card_fraud",), plan="few", customers=400, payments_a_day=200.0, cards=150, terminals=400,
        transactions_a_day=10.0, applications_a_day=0.2, trials=1,
    ),
    Scenario(
        name="one_month", title="A month of both products with faults of each kind", first=date(2026, 3, 1), days=30,
        history=700, products=_BOTH, plan="month", customers=3_000, transactions_a_day=400.0,
    ),
    Scenario(
        name="quiet", title="A year in which nothing happens", first=date(2025, 9, 1), days=365, history=760,
        products=_BOTH, plan="none", apart=True, card_history=500,
    ),
    Scenario(
        name="two_years", title="Two years with every kind of incident", first=date(2024, 9, 1), days=730, history=760,
        products=_BOTH, plan="all", apart=True,
    ),
)  # fmt: skip
SCENARIOS: Mapping[str, Scenario] = {one.name: one for one in _SCENARIOS}


def scenario_of(name: str) -> Scenario:
    """The scenario of that name.

    Raises:
        UnknownScenario: There is none.
    """
    if name not in SCENARIOS:
        raise UnknownScenario(f"there is no scenario {name!r}; one of {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
