"""The sandbox of one environment: which sources it has, of which days, and filling them.

Belongs here: the addresses at which the sandbox delivers its feeds, the days of each, and filling requested addresses.
Does not belong here: how a place is filled (`filling.py`, `handbook.py`), which sources a product reads.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple, Self

from resources.environments import Environment
from resources.sandbox.systems.filling import fill_bank, fill_cards
from resources.sandbox.systems.handbook import fill_cards_from_handbook
from resources.sandbox.systems.landing import Progress, quiet
from resources.sandbox.world.settings import BankSettings


class Address(NamedTuple):
    """Where a source is read: a table's name, a pattern of daily files, an endpoint's path, or a stream's topic."""

    kind: Literal["table", "files", "endpoint", "stream"]
    name: str


_BANK = frozenset(
    {
        Address("table", "consents"),
        Address("table", "applications"),
        Address("files", "transactions/{day}.csv"),
        Address("endpoint", "/reports"),
        Address("stream", "repayments"),
    }
)
_CARDS = frozenset({Address("files", "card_transactions/{day}.csv"), Address("files", "fraud_labels/{day}.csv")})


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """The bank that fills the source systems of an environment.

    Attributes:
        database_url: SQLAlchemy address of the operational database.
        landing, stream: Folder (or `file://` address) of daily files, and of streams.
        bureau_data: Folder of the reports that the credit bureau serves.
        handbook: Folder of the Fraud Detection Handbook's monthly files; if `None`, card payments are invented.
    """

    database_url: str
    landing: str
    stream: str
    bureau_data: Path
    handbook: Path | None = None
    settings: BankSettings = field(default_factory=BankSettings)

    @classmethod
    def of(cls, environment: Environment) -> Self:
        """The sandbox that fills the source systems of an environment."""
        handbook = environment.card_transactions
        return cls(
            database_url=environment.database_url,
            landing=environment.landing,
            stream=environment.stream,
            bureau_data=environment.bank / "bureau",
            handbook=Path(handbook).expanduser() if handbook else None,
        )

    def days(self, sources: Collection[Address]) -> tuple[date, date] | None:
        """The first and the last day on which the sandbox has all of these sources, before anything is filled.

        Returns:
            `None` if the sandbox delivers none of them, or if the days are those of the Handbook's files, which are
            known only after reading the files.
        """
        cards = not _CARDS.isdisjoint(sources)
        if cards and self.handbook is not None:
            return None
        spans = [(self.settings.cards_from, self.settings.last_day)] if cards else []
        if not _BANK.isdisjoint(sources):
            spans.append((self.settings.first_day, self.settings.last_day))
        return _common(spans)

    def fill(self, sources: Collection[Address], progress: Progress = quiet) -> tuple[date, date] | None:
        """Fills the places of these sources, once; a place that is already filled is left alone.

        Returns:
            The first and the last day on which the sandbox has all of the sources; `None` if it has none of them.

        Raises:
            SandboxError: A place was filled from another origin, or is not local.
        """
        spans = []
        if not _CARDS.isdisjoint(sources):
            cards = (
                fill_cards(self.settings, landing=self.landing, progress=progress)
                if self.handbook is None
                else fill_cards_from_handbook(self.handbook, landing=self.landing, progress=progress)
            )
            spans.append((cards.first_day, cards.last_day))
        if not _BANK.isdisjoint(sources):
            bank = fill_bank(
                self.settings,
                database_url=self.database_url,
                landing=self.landing,
                stream=self.stream,
                bureau_data=self.bureau_data,
                progress=progress,
            )
            spans.append((bank.first_day, bank.last_day))
        return _common(spans)


def _common(spans: list[tuple[date, date]]) -> tuple[date, date] | None:
    """The days that all spans have; `None` without a span."""
    return (max(first for first, _ in spans), min(last for _, last in spans)) if spans else None
