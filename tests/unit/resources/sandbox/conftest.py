"""A small bank, filled once for all tests of this folder that only read it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from resources.sandbox.systems.filling import BankSummary, fill_bank
from resources.sandbox.world.incidents import Incident
from resources.sandbox.world.settings import BankSettings

FIRST, LAST = date(2025, 10, 1), date(2025, 12, 31)


@dataclass(frozen=True)
class Home:
    """Where a bank was filled."""

    folder: Path

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder}/bank.db"

    @property
    def landing(self) -> Path:
        return self.folder / "landing"

    @property
    def stream(self) -> Path:
        return self.folder / "stream"

    @property
    def bureau(self) -> Path:
        return self.folder / "bureau"

    def fill(self, settings: BankSettings) -> BankSummary:
        return fill_bank(
            settings,
            database_url=self.database_url,
            landing=str(self.landing),
            stream=f"file://{self.stream}",
            bureau_data=self.bureau,
        )

    def files(self) -> dict[str, bytes]:
        """Every file but the database, by its path inside the home."""
        paths = (path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".db")
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


def small(*incidents: Incident, seed: int = 5) -> BankSettings:
    """300 customers, three months."""
    bank = BankSettings.of_size(customers=300, first_day=FIRST, last_day=LAST, seed=seed, incidents=incidents)
    return replace(bank, applications=150, transactions=5_000)


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The small bank without incidents."""
    home = Home(tmp_path_factory.mktemp("bank"))
    home.fill(small())
    return home


@pytest.fixture
def filled(tmp_path: Path) -> Callable[..., Home]:
    """Fills a small bank with incidents in a place of its own."""

    def fill(*incidents: Incident) -> Home:
        home = Home(tmp_path / "home")
        home.fill(small(*incidents))
        return home

    return fill
