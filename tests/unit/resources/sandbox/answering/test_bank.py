"""The bank that answers: what it shows follows from the answers, what would be was drawn before them."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.sandbox.answering.bank import AnsweringBank, Answers, Morning
from resources.sandbox.answering.economy import added_log_odds
from resources.sandbox.answering.places import Places
from resources.sandbox.planned.incidents import Kind, PlannedIncident
from resources.sandbox.world.keyed import uniforms
from resources.sandbox.world.settings import BankSettings

FIRST, DAYS = date(2026, 1, 1), 60
SETTINGS = BankSettings(
    seed=5, customers=300, first_day=FIRST, last_day=FIRST + timedelta(days=DAYS - 1), applications=240,
    transactions=2_000, cards=120, terminals=40, card_transactions=9_000, card_days=DAYS,
)  # fmt: skip
Decide = Callable[[AnsweringBank, Morning], Answers]


class Lived:
    """A bank that lived through its days under a policy."""

    def __init__(self, folder: Path, decide: Decide, *, seed: int = 5, plan: tuple[PlannedIncident, ...] = ()) -> None:
        self.folder = folder
        places = Places(f"sqlite:///{folder}/bank.db", folder / "landing", folder / "stream", folder / "bureau")
        self.bank = AnsweringBank(replace(SETTINGS, seed=seed), plan, places)
        self.answers: dict[str, dict[str, bool]] = {"credit_risk": {}, "card_fraud": {}}
        for number in range(DAYS):
            day = FIRST + timedelta(days=number)
            answers = decide(self.bank, self.bank.open(day))
            for product, rows in answers.items():
                self.answers[product].update(rows)
            self.bank.close(day, answers)

    @property
    def repayments(self) -> list[dict[str, Any]]:
        lines = (self.folder / "stream" / "repayments.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def files(self, source: str) -> list[dict[str, str]]:
        paths = sorted((self.folder / "landing" / source).glob("*.csv"))
        return [row for path in paths for row in csv.DictReader(path.open())]

    def bytes(self) -> dict[str, bytes]:
        paths = [*self.folder.glob("landing/*/*.csv"), *self.folder.glob("stream/*"), *self.folder.glob("bureau/*/*")]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


def every_other(bank: AnsweringBank, morning: Morning) -> Answers:
    """Accepts every other application, stops every third payment."""
    credit = {row: int(row[1:]) % 2 == 0 for row in bank.becoming("credit_risk")}
    return {"credit_risk": credit, "card_fraud": {row: int(row) % 3 != 0 for row in bank.becoming("card_fraud")}}


def everything(bank: AnsweringBank, morning: Morning) -> Answers:
    return {product: dict.fromkeys(bank.becoming(product), True) for product in ("credit_risk", "card_fraud")}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return Lived(tmp_path_factory.mktemp("some"), every_other)


@pytest.fixture(scope="module")
def generous(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return Lived(tmp_path_factory.mktemp("all"), everything)


def test_a_refused_application_never_shows_a_repayment_and_an_accepted_one_does(lived: Lived) -> None:
    shown = {row["application_id"] for row in lived.repayments}
    answers = lived.answers["credit_risk"]
    assert not shown & {row for row, accepted in answers.items() if not accepted}
    # A loan is disbursed within two days, and told within another.
    old = {row for row, accepted in answers.items() if accepted} - set(list(answers)[-20:])
    assert len(old) > 80
    assert old <= shown


def test_fraud_that_is_stopped_is_not_seen(lived: Lived) -> None:
    labelled = {row["transaction_id"] for row in lived.files("fraud_labels")}
    answers = lived.answers["card_fraud"]
    assert not labelled & {row for row, passed in answers.items() if not passed}
    week_before = FIRST + timedelta(days=DAYS - 7)
    old = {row["transaction_id"] for row in lived.files("card_transactions") if row["event_time"] < str(week_before)}
    assert labelled == old & {row for row, passed in answers.items() if passed}


def test_a_payment_that_was_stopped_is_still_an_attempt(lived: Lived) -> None:
    assert len(lived.files("card_transactions")) == len(lived.answers["card_fraud"])


def test_no_decision_changes_what_becomes_of_another_row(lived: Lived, generous: Lived) -> None:
    """What each application would do was drawn before anybody decided."""
    becomes, otherwise = (
        one.bank.truth("credit_risk").rows.drop_columns(["accepted"]).to_pylist() for one in (lived, generous)
    )
    assert becomes == otherwise
    accepted = {row for row, one in lived.answers["credit_risk"].items() if one}
    both = [row for row in generous.repayments if row["application_id"] in accepted]
    assert lived.repayments == both


def test_an_application_without_an_answer_is_refused_and_a_payment_let_through(tmp_path: Path) -> None:
    silent = Lived(tmp_path, lambda bank, morning: {})
    assert silent.repayments == []
    assert len(silent.files("fraud_labels")) > 7_000


def test_fraudsters_leave_what_is_stopped_and_stay_where_they_pass(tmp_path: Path, generous: Lived) -> None:
    def stops_cards(bank: AnsweringBank, morning: Morning) -> Answers:
        return {"card_fraud": {row: not bad for row, bad in bank.becoming("card_fraud").items()}}

    stopped = Lived(tmp_path, stops_cards)
    tried = sum(stopped.bank.truth("card_fraud").rows["bad"].to_pylist())
    passed = sum(generous.bank.truth("card_fraud").rows["bad"].to_pylist())
    assert 0 < tried < 0.6 * passed
    assert any(one.given_up for one in stopped.bank.fraudsters.compromises)
    assert not any(one.given_up for one in generous.bank.fraudsters.compromises)


def test_pressure_moves_to_the_way_that_is_not_stopped(tmp_path: Path) -> None:
    def stops_stolen_cards(bank: AnsweringBank, morning: Morning) -> Answers:
        stolen = {one.key for one in bank.fraudsters.compromises if one.way == "card"}
        payments = morning.payments
        stopped = np.isin(payments["card_id"], list(stolen))
        return {
            "card_fraud": dict(zip(map(str, payments["transaction_id"].to_pylist()), (~stopped).tolist(), strict=True))
        }

    passing = Lived(tmp_path, stops_stolen_cards).bank.fraudsters.passing
    assert passing["card"] < 0.7 < passing["amount"]


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path, lived: Lived) -> None:
    again, other = Lived(tmp_path / "a", every_other), Lived(tmp_path / "b", every_other, seed=6)
    assert again.bytes() == lived.bytes()
    assert other.bytes() != lived.bytes()


def test_a_draw_is_of_its_number_alone() -> None:
    alone, many = uniforms(3, "x", np.array([17])), uniforms(3, "x", np.arange(100_000))
    assert alone[0] == many[17]
    assert abs(many.mean() - 0.5) < 0.005
    assert abs(np.corrcoef(many[:-1], many[1:])[0, 1]) < 0.01
    assert not np.array_equal(many, uniforms(4, "x", np.arange(100_000)))
    assert not np.array_equal(many, uniforms(3, "y", np.arange(100_000)))


def test_the_economy_moves_and_another_seed_moves_it_otherwise() -> None:
    course = added_log_odds(1, date(2024, 1, 1), 1_000)
    assert 0.05 < course.std() < 0.4
    assert np.abs(np.diff(course)).max() < 0.1, "it has a memory"
    assert not np.allclose(course, added_log_odds(2, date(2024, 1, 1), 1_000))
    assert np.array_equal(course[:500], added_log_odds(1, date(2024, 1, 1), 500)), "the past does not know the future"


def test_faults_spoil_their_days_alone_and_the_owner_can_deliver_them_again(tmp_path: Path, lived: Lived) -> None:
    def fault(kind: Kind, number: int, **terms: Any) -> PlannedIncident:
        day = FIRST + timedelta(days=number)
        return PlannedIncident(kind=kind, day=day, last_day=day, product="card_fraud", **terms)

    payments = "card_transactions"
    plan = (
        fault("bad_feed", 20, source=payments, strength=0.5),
        fault("unit_change", 25, source=payments, strength=100.0, column="amount"),
        fault("schema_change", 30, source=payments, column="amount"),
        fault("poisoned_feedback", 35, source="fraud_labels", strength=0.5),
        fault("late_feed", 40, source=payments, strength=2.0),
    )
    spoiled = Lived(tmp_path, every_other, plan=plan)
    before, after = lived.bytes(), spoiled.bytes()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        *(f"landing/{payments}/{FIRST + timedelta(days=number)}.csv" for number in (20, 25, 30)),
        f"landing/fraud_labels/{FIRST + timedelta(days=35)}.csv",
    }
    assert before.keys() == after.keys(), "what came late has come"
    for one in plan[:4]:
        assert spoiled.bank.redeliver(one.source, one.day)
    assert spoiled.bytes() == before
    assert not spoiled.bank.redeliver(payments, plan[0].day), "once"


def test_a_doubled_stream_has_each_message_twice(tmp_path: Path, lived: Lived) -> None:
    day = FIRST + timedelta(days=40)
    doubled = PlannedIncident(kind="doubled_stream", day=day, last_day=day, product="credit_risk", source="repayments")
    told = [row["event_id"] for row in Lived(tmp_path, every_other, plan=(doubled,)).repayments]
    once = [row["event_id"] for row in lived.repayments]
    twice = [one for one in lived.repayments if one["known_at"].startswith(str(day))]
    assert twice
    assert sorted(told) == sorted([*once, *(one["event_id"] for one in twice)])
