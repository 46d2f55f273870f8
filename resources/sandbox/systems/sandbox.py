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
from resources.sandbox.world.incidents import SandboxError
from resources.sandbox.world.settings import BankSettings

Kind = Literal["table", "files", "endpoint", "stream"]


class Address(NamedTuple):
    """Where a source is read: a table's name, a pattern of daily files, an endpoint's path, or a stream's topic."""

    kind: Kind
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
_FOLDERS = ("transactions", "card_transactions", "fraud_labels")
_CARDS = frozenset({Address("files", "card_transactions/{day}.csv"), Address("files", "fraud_labels/{day}.csv")})


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """The bank, and its own source systems in one folder.

    Attributes:
        folder: Everything that the sandbox writes is in this folder.
        bureau_url: Address of the credit bureau of this machine.
        handbook: Folder of the Fraud Detection Handbook's monthly files; if `None`, card payments are invented.
    """

    folder: Path
    bureau_url: str
    handbook: Path | None = None
    settings: BankSettings = field(default_factory=BankSettings)

    @classmethod
    def of(cls, environment: Environment) -> Self:
        """The sandbox of an environment, whatever addresses the environment gives to sources."""
        handbook = environment.card_transactions
        return cls(
            folder=environment.bank,
            bureau_url=f"http://127.0.0.1:{environment.ports.bureau}",
            handbook=Path(handbook).expanduser() if handbook else None,
        )

    @property
    def database_url(self) -> str:
        """SQLAlchemy address of the operational database."""
        return f"sqlite:///{self.folder}/bank.db"

    @property
    def landing(self) -> str:
        """Folder of daily files."""
        return f"{self.folder}/landing"

    @property
    def stream(self) -> str:
        """`file://` address of the folder of streams."""
        return f"file://{self.folder}/stream"

    @property
    def bureau_data(self) -> Path:
        """Folder of the reports that the credit bureau serves."""
        return self.folder / "bureau"

    def place(self, kind: Kind) -> str:
        """The address of the sandbox's own system of that kind."""
        places = {"table": self.database_url, "files": self.landing, "endpoint": self.bureau_url, "stream": self.stream}
        return places[kind]

    def delivers(self, sources: Collection[Address]) -> bool:
        """Whether the sandbox has any of these sources."""
        return not (_BANK | _CARDS).isdisjoint(sources)

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
            SandboxError: A place was filled from another origin, has content that the sandbox did not write, or is a
                link that leads out of the sandbox's folder.
        """
        self._refuse_links()
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

    def _refuse_links(self) -> None:
        """Refuses a place of which a link leads out of the folder: what is there is not the sandbox's."""
        places = ("bank.db", "landing", "stream", "bureau")
        names = [*places, *(f"landing/{name}" for name in _FOLDERS), "bureau/reports", "stream/repayments.jsonl"]
        for place in (self.folder, *(self.folder / name for name in names)):
            if place.is_symlink() and not place.resolve().is_relative_to(self.folder.absolute()):
                raise SandboxError(
                    f"{place} is a link to {place.resolve()}; the sandbox fills only its own folder: remove the link, "
                    "or set LOOPLINE_HOME to a folder on that disk"
                )


def _common(spans: list[tuple[date, date]]) -> tuple[date, date] | None:
    """The days that all spans have; `None` without a span."""
    return (max(first for first, _ in spans), min(last for _, last in spans)) if spans else None
