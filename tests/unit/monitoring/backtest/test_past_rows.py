"""A backtest over a lake with a champion, its scores and the labels of the days after its approval."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from assets.bundle.bundle import Bundle
from assets.bundle.rules import rules_record
from assets.monitoring.backtest.alternative import Alternative, BadAlternative, other_policy
from assets.monitoring.backtest.rows import past_rows
from assets.product.rules import Compare, Rule
from pipelines.operations.decisions.backtest import BacktestReport, Tried, backtest
from resources.environments import Environment
from tests.support.data.scored_cards import A_DAY, DAYS, PRODUCT, Bank

NOW = datetime(2026, 10, 1, tzinfo=UTC)
SPAN = (DAYS[12], DAYS[21])


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return Bank(tmp_path_factory.mktemp("bank"))


def tried(bank: Bank, tried: Tried) -> BacktestReport:
    return backtest("card_fraud", elsewhere(bank), SPAN, tried)


def elsewhere(bank: Bank) -> Environment:
    """The bank's environment with the machine's clock: the sandbox has none before it is filled."""
    return bank.environment.model_copy(update={"sandbox": False})


def scores_and_profit(bank: Bank) -> tuple[np.ndarray, np.ndarray]:
    """The recorded score of each row of the days, and what it earns where it is accepted."""
    rows = bank.scores.filter(pc.is_in(bank.scores["day"], value_set=pc.cast([*DAYS[12:22]], "date32")))
    events = bank.lake.read("card_fraud/validated_fraud_labels")
    by_id = dict(zip(events["transaction_id"].to_pylist(), events["is_fraud"].to_pylist(), strict=True))
    label = np.array([by_id[one] for one in rows["transaction_id"].to_pylist()])
    profit = PRODUCT.decision.profit
    stake = rows[profit.stake].to_numpy() if profit.stake else 1.0
    return rows["score"].to_numpy(), np.where(label == 1, -profit.bad, profit.good) * stake


def test_another_threshold_is_the_arithmetic_of_the_recorded_scores(bank: Bank) -> None:
    scores, earned = scores_and_profit(bank)
    limit = float(np.quantile(scores, 0.4))
    report = tried(bank, Tried(threshold=limit))
    total, before = report.total, scores < bank.bundle.policy.threshold
    assert report.past.decided_by == "batch scores"
    assert (total.rows, total.labelled, total.over) == (10 * A_DAY, 10 * A_DAY, "all")
    assert (total.decided.accepted, total.other.accepted) == (int(before.sum()), int((scores < limit).sum()))
    assert total.decided.profit == pytest.approx(earned[before].sum())
    assert total.gain == pytest.approx(earned[scores < limit].sum() - earned[before].sum())
    assert total.low is not None
    assert total.high is not None
    assert total.low < total.gain < total.high
    assert sum(one.rows for one in report.groups["is_night"].values()) == total.rows
    assert json.loads(json.dumps(report.to_dict(), default=str))["gain"] == total.gain


def test_the_champion_itself_changes_nothing(bank: Bank) -> None:
    """The code of batch scores and that of the second column are one."""
    report = tried(bank, Tried(version="2"))
    assert (report.total.flips, report.total.gain) == ((), 0.0)
    assert tried(bank, Tried()).total == report.total


def test_rules_of_a_file_take_the_place_of_those_of_the_champion(bank: Bank, tmp_path: Path) -> None:
    rule = Rule("large", "limit", Compare("amount", ">", 150.0), "The amount is large", "risk", date(2099, 1, 1))
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(rules_record([rule])))
    report = tried(bank, Tried(rules=file))
    rows = bank.scores.filter(pc.is_in(bank.scores["day"], value_set=pc.cast([*DAYS[12:22]], "date32")))
    taken = (rows["amount"].to_numpy() > 150.0) & (rows["score"].to_numpy() < bank.bundle.policy.threshold)
    (flip,) = report.total.flips
    assert (flip.before, flip.after, flip.rows) == ("accepted", "refused", int(taken.sum()))
    assert "new: large" in report.words
    file.write_text('{"rules": [{"id": "large"}]}')
    with pytest.raises(BadAlternative, match=r"rules\.json: .* with every field"):
        tried(bank, Tried(rules=file))


def with_windows(bundle: Bundle, **windows: tuple[str, str]) -> Bundle:
    named = {name: {"first": f"{first}T00:00:00Z", "end": f"{end}T00:00:00Z"} for name, (first, end) in windows.items()}
    return replace(bundle, parts=replace(bundle.parts, metrics={"windows": named}))


def test_a_policy_chooses_its_threshold_on_what_was_known_before(bank: Bank, tmp_path: Path) -> None:
    bundle = with_windows(bank.bundle, calibrate=("2026-06-01", "2026-06-06"), test=("2026-06-06", "2026-06-11"))
    file = tmp_path / "policy.json"
    found = {}
    for bad in (0.5, 20.0):
        file.write_text(json.dumps({"profit": {"good": 1.0, "bad": bad}, "max_refused": 1.0}))
        found[bad] = other_policy(PRODUCT, bundle, bank.lake, file)
    assert found[20.0].bundle.policy.threshold < found[0.5].bundle.policy.threshold, "dear bad rows are refused sooner"
    past = past_rows(PRODUCT, bank.lake, bundle, found[20.0], SPAN, NOW)
    assert (past.judged.earned.min(), past.judged.earned.max()) == (-20.0, 1.0), "both columns by the policy's profit"
    file.write_text('{"reasons_shown": 2}')
    with pytest.raises(BadAlternative, match="reasons_shown; write one or more of profit, max_refused"):
        other_policy(PRODUCT, bundle, bank.lake, file)
    file.write_text('{"max_refused": 0.1}')
    with pytest.raises(BadAlternative, match="does not say on which rows of its training set the threshold was chosen"):
        other_policy(PRODUCT, bank.bundle, bank.lake, file)


def test_rows_that_a_model_learned_from_are_left_out(bank: Bank) -> None:
    late = with_windows(bank.bundle, test=("2026-06-18", "2026-06-20"))
    past = past_rows(PRODUCT, bank.lake, bank.bundle, Alternative("later", late, PRODUCT.decision), SPAN, NOW)
    assert (past.in_training, len(past.judged.label)) == (5 * A_DAY, 5 * A_DAY)
    never = with_windows(bank.bundle, test=("2026-07-18", "2026-07-20"))
    with pytest.raises(BadAlternative, match="compare days from 2026-07-18 on"):
        past_rows(PRODUCT, bank.lake, bank.bundle, Alternative("later", never, PRODUCT.decision), SPAN, NOW)


def test_labels_that_are_not_final_yet_judge_nothing(bank: Bank) -> None:
    other = Alternative("itself", bank.bundle, PRODUCT.decision)
    early = datetime.combine(DAYS[21], datetime.min.time(), UTC)
    past = past_rows(PRODUCT, bank.lake, bank.bundle, other, SPAN, early)
    known = int((past.judged.label >= 0).sum())
    assert known == 2 * A_DAY, "a label takes seven days"


def test_two_things_at_once_and_days_without_rows_are_refused(bank: Bank) -> None:
    with pytest.raises(BadAlternative, match="--threshold and --version: give one of them"):
        Tried(threshold=0.1, version="1")
    with pytest.raises(BadAlternative, match="write a probability"):
        tried(bank, Tried(threshold=1.5))
    with pytest.raises(BadAlternative, match="no rows from 2020-01-01 to 2020-01-02"):
        backtest("card_fraud", elsewhere(bank), (date(2020, 1, 1), date(2020, 1, 2)), Tried(threshold=0.5))
