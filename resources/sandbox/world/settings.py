"""The settings of the bank: its size, its days and its planned incidents.

Belongs here: the settings as one frozen value, their digest, and the random streams that follow from the seed. Does not
belong here: anything that is generated.
"""

import hashlib
import json
import zlib
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import numpy as np

from resources.moments import DAY_US, midnight_us
from resources.sandbox.world.incidents import Incident, SandboxError

# Increase it whenever the same settings would give other bytes, so that places filled by older code are detected.
_GENERATION = 2


@dataclass(frozen=True, kw_only=True)
class BankSettings:
    """The settings of the sandbox bank; the same settings give the same bytes.

    Attributes:
        seed: The seed of all random numbers.
        customers: How many people have an account at the end of the period.
        first_day, last_day: The UTC days that the source systems cover, both included.
        applications: How many loan applications arrive in the period.
        transactions: About how many account transactions there are (within a few percent).
        cards, terminals, card_transactions: Size of the card business; each card belongs to a customer.
        card_days: The card data cover this many days up to `last_day` (183 days before 2026-09-30: from 2026-04-01).
        bad_rate: Expected share of granted loans that are 90 days past due within 180 days.
        declined: The share of applications that the bank's old policy declines.
        incidents: The planned incidents.
    """

    seed: int = 20241001
    customers: int = 20_000
    first_day: date = date(2024, 10, 1)
    last_day: date = date(2026, 9, 30)
    applications: int = 28_000
    transactions: int = 2_000_000
    cards: int = 3_000
    terminals: int = 2_000
    card_transactions: int = 250_000
    card_days: int = 183
    bad_rate: float = 0.135
    declined: float = 0.15
    incidents: tuple[Incident, ...] = ()

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            raise SandboxError(f"last_day {self.last_day} is before first_day {self.first_day}; swap them")
        for name in (
            "customers",
            "applications",
            "transactions",
            "cards",
            "terminals",
            "card_transactions",
            "card_days",
        ):
            if getattr(self, name) < 1:
                raise SandboxError(f"{name} is {getattr(self, name)}; a bank needs at least 1")
        for name in ("bad_rate", "declined"):
            if not 0 < getattr(self, name) < 1:
                raise SandboxError(f"{name} is {getattr(self, name)}; write a share between 0 and 1")
        if self.cards > self.customers:
            raise SandboxError(
                f"{self.cards} cards for {self.customers} customers: a customer has at most one; "
                "lower `cards`, or use BankSettings.of_size, which scales everything"
            )
        for incident in self.incidents:
            if not self.first_day <= incident.day <= self.last_day:
                raise SandboxError(
                    f"incident {incident.kind} on {incident.day} is outside {self.first_day} to {self.last_day}"
                )

    @classmethod
    def of_size(
        cls,
        *,
        customers: int,
        first_day: date = date(2024, 10, 1),
        last_day: date = date(2026, 9, 30),
        seed: int = 20241001,
        incidents: tuple[Incident, ...] = (),
    ) -> "BankSettings":
        """A bank of another size with everything in the default bank's proportions."""
        days = (last_day - first_day).days + 1
        scale, share = customers / 20_000, days / 730
        card_days = min(days, 183)
        return cls(
            seed=seed,
            customers=customers,
            first_day=first_day,
            last_day=last_day,
            applications=max(1, round(28_000 * scale * share)),
            transactions=max(1, round(2_000_000 * scale * share)),
            cards=max(1, round(3_000 * scale)),
            terminals=max(1, round(2_000 * scale)),
            card_transactions=max(1, round(250_000 * scale * card_days / 183)),
            card_days=card_days,
            incidents=incidents,
        )

    @property
    def days(self) -> int:
        """How many days the period has."""
        return (self.last_day - self.first_day).days + 1

    @property
    def cards_from(self) -> date:
        """The first day with card transactions."""
        return max(self.first_day, self.last_day - timedelta(days=self.card_days - 1))

    @property
    def start_us(self) -> int:
        """The first moment of the period, in microseconds since 1970 (UTC)."""
        return midnight_us(self.first_day)

    @property
    def end_us(self) -> int:
        """The moment after the period, in microseconds since 1970 (UTC)."""
        return midnight_us(self.last_day) + DAY_US

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the settings and the generation of the code that reads them."""
        text = json.dumps({"generation": _GENERATION, **asdict(self)}, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def rng(self, stream: str) -> np.random.Generator:
        """The random numbers of one part of the bank, independent of those of other parts."""
        return np.random.default_rng([self.seed, zlib.crc32(stream.encode())])
