"""Invented card payments: files, labels that come a week later, kinds of fraud, waves."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from resources.moments import midnight_us
from resources.sandbox.systems.filling import fill_cards
from resources.sandbox.world.cards import make_cards
from resources.sandbox.world.incidents import Incident, SandboxError
from resources.sandbox.world.people import make_people
from resources.sandbox.world.settings import BankSettings

LAST = date(2025, 12, 31)
SETTINGS = replace(
    BankSettings.of_size(customers=300, first_day=date(2025, 10, 1), last_day=LAST, seed=9),
    cards=100,
    terminals=60,
    card_transactions=9_000,
    card_days=61,
)
DAYS = [date(2025, 11, 1) + timedelta(days=n) for n in range(61)]


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    fill_cards(SETTINGS, landing=folder)
    return folder


def read(landing: Path, source: str) -> dict[date, pd.DataFrame]:
    return {day: pd.read_csv(landing / source / f"{day}.csv") for day in DAYS}


def test_every_day_has_both_files_with_their_headers(landing: Path) -> None:
    for source, last in (("card_transactions", "amount"), ("fraud_labels", "is_fraud")):
        names = sorted(path.name for path in (landing / source).glob("*.csv"))
        assert names == [f"{day}.csv" for day in DAYS]
        header = (landing / source / names[0]).read_text().splitlines()[0]
        assert header == f"transaction_id,card_id,terminal_id,event_time,known_at,{last}"


def test_a_label_is_in_the_file_of_a_week_later_and_says_of_which_payment(landing: Path) -> None:
    payments, labels = read(landing, "card_transactions"), read(landing, "fraud_labels")
    week = timedelta(days=7)
    for day in DAYS:
        if day < DAYS[0] + week:
            assert labels[day].empty
            continue
        paid, told = payments[day - week], labels[day]
        columns = ["transaction_id", "card_id", "terminal_id", "event_time"]
        pd.testing.assert_frame_equal(paid[columns], told[columns])
        assert (pd.to_datetime(told.known_at) - pd.to_datetime(told.event_time) == pd.Timedelta(week)).all()
        assert (told.known_at.str[:10] == day.isoformat()).all()


def test_payments_are_in_order_and_known_at_once(landing: Path) -> None:
    rows = pd.concat(read(landing, "card_transactions").values(), ignore_index=True)
    assert rows[["known_at", "transaction_id"]].apply(tuple, axis=1).is_monotonic_increasing
    assert rows.transaction_id.is_unique
    assert (rows.known_at == rows.event_time).all()
    assert (rows.amount > 0).all()
    assert len(rows) == pytest.approx(9_000, rel=0.05)
    assert rows.card_id.between(1, 300).all(), "a card is its customer's"
    assert rows.card_id.nunique() > 80


def test_about_one_payment_in_a_hundred_is_a_fraud_of_three_kinds() -> None:
    settings = replace(BankSettings.of_size(customers=10_000), card_transactions=150_000)
    cards = make_cards(settings, make_people(settings))
    fraud = cards.fraud == 1
    assert 0.006 < fraud.mean() < 0.012
    assert fraud[cards.cents > 22_000].mean() > 0.9
    payments = pd.DataFrame({"terminal": cards.terminal, "card": cards.card, "fraud": fraud, "cents": cards.cents})
    by_terminal = payments[fraud].groupby("terminal").size()
    assert (by_terminal >= 10).sum() > 20, "no terminal was tampered with for weeks"
    usual = payments[~fraud].groupby("card").cents.mean()
    stolen = payments[fraud & ~payments.terminal.isin(by_terminal.index[by_terminal >= 4])]
    assert (stolen.cents / stolen.card.map(usual)).median() > 2


def test_a_wave_adds_fraud_from_its_day_and_leaves_days_before_alone() -> None:
    day = date(2025, 12, 1)
    wave = replace(SETTINGS, incidents=(Incident(kind="fraud_wave", day=day, strength=30.0),))
    usual, waved = (make_cards(settings, make_people(settings)) for settings in (SETTINGS, wave))
    early = usual.at < midnight_us(day)
    for name in ("transaction_id", "card", "terminal", "at"):
        assert (getattr(usual, name) == getattr(waved, name)).all()
    assert (usual.cents[early] == waved.cents[early]).all()
    assert (usual.fraud[early] == waved.fraud[early]).all()
    assert waved.fraud[~early].mean() > 3 * usual.fraud[~early].mean()


def test_incidents_reach_the_files(tmp_path: Path) -> None:
    day = date(2025, 12, 3)
    broken = replace(
        SETTINGS,
        incidents=(
            Incident(kind="outage", day=day, source="card_transactions"),
            Incident(kind="bad_feed", day=day, source="fraud_labels", share=1.0),
            Incident(kind="schema_change", day=LAST, source="card_transactions", column="amount", renamed_to="value"),
        ),
    )
    fill_cards(broken, landing=tmp_path)
    assert not (tmp_path / "card_transactions" / f"{day}.csv").exists()
    assert (pd.read_csv(tmp_path / "fraud_labels" / f"{day}.csv").is_fraud < 0).all()
    assert "value" in pd.read_csv(tmp_path / "card_transactions" / f"{LAST}.csv").columns


def test_a_second_fill_writes_nothing_and_other_settings_are_refused(landing: Path) -> None:
    again = fill_cards(SETTINGS, landing=f"file://{landing}")
    assert not again.written
    assert (again.first_day, again.last_day, again.last_label_day) == (DAYS[0], LAST, LAST)
    assert again.transactions > again.labels > 0
    with pytest.raises(SandboxError, match=r"was filled with other settings .*remove it first"):
        fill_cards(replace(SETTINGS, seed=10), landing=landing)


def test_the_same_seed_gives_the_same_bytes(landing: Path, tmp_path: Path) -> None:
    fill_cards(SETTINGS, landing=tmp_path)
    for source in ("card_transactions", "fraud_labels"):
        for path in (landing / source).iterdir():
            assert (tmp_path / source / path.name).read_bytes() == path.read_bytes()
