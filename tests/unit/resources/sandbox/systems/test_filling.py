"""Filling: the same from a seed, once, whole, and never over something else."""

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from resources.sandbox.systems.filling import SOURCES, fill_bank
from resources.sandbox.world.incidents import SandboxError
from tests.unit.resources.sandbox.conftest import FIRST, LAST, Home, small


def dump(home: Home) -> list[str]:
    with sqlite3.connect(home.folder / "bank.db") as connection:
        return list(connection.iterdump())


def test_the_same_seed_gives_the_same_bytes(bank: Home, tmp_path: Path) -> None:
    again = Home(tmp_path / "again")
    again.fill(small())
    assert again.files() == bank.files()
    assert dump(again) == dump(bank)
    assert len(again.files()) > 2 * 92


def test_another_seed_gives_another_bank(bank: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.fill(small(seed=6))
    files, usual = other.files(), bank.files()
    assert files.keys() == usual.keys()
    assert files["landing/transactions/2025-11-11.csv"] != usual["landing/transactions/2025-11-11.csv"]


def test_a_second_call_leaves_everything_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first = home.fill(small())
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    second = home.fill(small())
    assert first.written == SOURCES
    assert second.written == ()
    assert second.rows == first.rows
    assert (second.first_day, second.last_day) == (FIRST, LAST)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == times


def test_a_fill_that_was_cut_short_is_completed(bank: Home, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.fill(small())
    whole = home.files()
    shutil.rmtree(home.landing / "transactions")
    (home.stream / "repayments.jsonl").unlink()
    staging = home.landing / ".transactions.filling"
    staging.mkdir()
    (staging / "2025-10-01.csv").write_text("half a")
    assert home.fill(small()).written == ("transactions", "repayments")
    assert home.files() == whole


@pytest.mark.parametrize("left", ["landing/transactions", "bureau/reports", "stream", "bank.db"])
def test_other_settings_in_the_same_place_are_refused(tmp_path: Path, left: str) -> None:
    """Each place alone is enough to refuse."""
    home = Home(tmp_path)
    home.fill(small())
    for place in ("landing/transactions", "bureau/reports", "stream", "bank.db"):
        path = tmp_path / place
        if place != left:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(SandboxError, match=r"was filled with other settings .*remove it first, or fill another place"):
        home.fill(replace(small(), bad_rate=0.2))


def test_a_folder_with_strangers_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (home.landing / "transactions").mkdir(parents=True)
    (home.landing / "transactions" / "2025-10-01.csv").write_text("mine")
    with pytest.raises(SandboxError, match="has content that the sandbox did not write; move it"):
        home.fill(small())


def test_a_table_with_strangers_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.fill(small())
    engine = sa.create_engine(home.database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM sandbox_origin"))
    engine.dispose()
    with pytest.raises(SandboxError, match=r"table (applications|consents) has rows that the sandbox did not write"):
        home.fill(small())


@pytest.mark.parametrize(
    ("landing", "stream", "what"),
    [("s3://bucket/landing", "stream", "landing zone 's3://"), ("landing", "kafka://host:9092", "stream 'kafka://")],
)
def test_what_is_not_on_this_machine_is_refused(tmp_path: Path, landing: str, stream: str, what: str) -> None:
    url = f"sqlite:///{tmp_path}/bank.db"
    with pytest.raises(SandboxError, match=what):
        fill_bank(small(), database_url=url, landing=landing, stream=stream, bureau_data=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    fill_bank(
        small(),
        database_url=f"sqlite:///{tmp_path}/bank.db",
        landing=tmp_path / "landing",
        stream=tmp_path / "stream",
        bureau_data=tmp_path / "bureau",
        progress=said.append,
    )
    assert said[0] == "inventing a bank of 300 customers, 2025-10-01 to 2025-12-31"
    assert any("transactions" in sentence for sentence in said)
