"""A person's word on a referred case in the outcomes: who decided in the end, and what was answered; its propensity."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from assets.monitoring.performance.by_bundle import performance_by_bundle
from assets.product import PostedReviews, Product, Rule
from assets.product.names import OUTCOMES, table_name, validated_table
from assets.product.rules import Compare
from assets.rollout.outcomes.cohorts import Terms, rewards
from resources.environments import Environment, load_environment
from resources.lake import Lake
from tests.support.models.decision_samples import write
from tests.unit.feedback.test_answered import LAST, PRODUCT, START, TIME, day, decision, labelled, make, rows

REVIEWED = replace(PRODUCT, sources=(*PRODUCT.sources, PostedReviews("reviews")))


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})


def reviewed(lake: Lake, *words: tuple[str, str, str, int], product: Product = REVIEWED) -> None:
    """Replaces the reviews: decision, answer, who, day on which it became known."""
    known = [START + timedelta(days=word[3]) for word in words]
    columns: dict[str, Sequence[object]] = {
        "decision_id": [word[0] for word in words], "outcome": [word[1] for word in words],
        "by": [word[2] for word in words], "reason": ["seen"] * len(words),
    }  # fmt: skip
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    for name in ("event_time", "known_at"):
        table = table.append_column(name, pa.array(known, TIME))
    table = table.append_column("day", pa.array([day(word[3]) for word in words], pa.date32()))
    lake.replace(validated_table(product.name, "reviews"), table, days=[day(n) for n in range(LAST + 1)])


def test_outcomes_have_the_final_answer_and_who_gave_it(environment: Environment) -> None:
    referred, refused, own = (decision(n, 0, outcome=word) for n, word in ((1, "review"), (2, "review"), (3, "stop")))
    write(environment.decision_log, referred, refused, own)
    lake = Lake(environment.lake)
    labelled(lake, (1, 0, 1), (2, 1, 1))
    reviewed(
        lake,
        (referred.id, "stop", "K. Lee", 0),
        (referred.id, "let_through", "A. Roy", 1),
        (refused.id, "stop", "K. Lee", 1),
        (own.id, "let_through", "K. Lee", 1),  # a second opinion: the decision was made
    )
    make(environment, product=REVIEWED)
    found = [(row["outcome"], row["final"], row["reviewed_by"]) for row in rows(lake)]
    assert found == [("review", "let_through", "A. Roy"), ("review", "stop", "K. Lee"), ("stop", "stop", None)]


def test_a_review_that_comes_late_changes_the_day_of_its_outcome(environment: Environment) -> None:
    referred = decision(1, 0, outcome="review")
    write(environment.decision_log, referred)
    lake = Lake(environment.lake)
    labelled(lake, (1, 0, 1))
    make(environment, product=REVIEWED)
    assert [(row["day"], row["final"]) for row in rows(lake)] == [(day(3), "review")]
    reviewed(lake, (referred.id, "let_through", "A. Roy", 7))
    make(environment, product=REVIEWED, first=6, last=6)
    assert rows(lake)[0]["final"] == "review", "nothing arrived on that day"
    make(environment, product=REVIEWED, first=7, last=7)
    assert [(row["day"], row["final"]) for row in rows(lake)] == [(day(3), "let_through")]


def test_figures_count_the_final_answer(environment: Environment) -> None:
    referred = [decision(n, 0, outcome="review", score=0.4) for n in (1, 2)]
    write(environment.decision_log, *referred)
    lake = Lake(environment.lake)
    labelled(lake, (1, 0, 1), (2, 1, 1))
    reviewed(lake, (referred[0].id, "let_through", "A. Roy", 1), (referred[1].id, "stop", "A. Roy", 1))
    make(environment, product=REVIEWED)
    outcomes, policy = lake.read(table_name(REVIEWED.name, OUTCOMES)), REVIEWED.decision
    (figures, *_) = performance_by_bundle(
        outcomes, [day(3)], 7, accept=policy.accept, profit=policy.profit, min_rows=1
    ).to_pylist()  # fmt: skip
    assert (figures["rows"], figures["acceptance"], figures["accepted"], figures["bad_rate"]) == (2, 0.5, 1, 0.0)
    terms = Terms(accept=policy.accept, profit=policy.profit)
    earned = dict(zip(outcomes["row_id"].to_pylist(), rewards(outcomes, terms, "profit").tolist(), strict=True))
    assert earned["1"] > 0.0
    assert earned["2"] == 0.0


def test_a_product_without_reviews_has_no_such_columns(environment: Environment) -> None:
    write(environment.decision_log, decision(1, 0))
    lake = Lake(environment.lake)
    labelled(lake, (1, 0, 1))
    make(environment)
    assert not {"final", "reviewed_by"} & set(rows(lake)[0])


def test_the_propensity_is_that_of_the_arm_and_of_the_exploration(environment: Environment) -> None:
    rule = Rule("limit", "limit", Compare("amount", ">", 5), "a limit", "Risk", START.date())
    asks = replace(rule, id="asks", kind="refer", outcome="refer")
    product = replace(PRODUCT, rules=(rule, asks), decision=replace(PRODUCT.decision, refer="review"))
    terms = {"exploration": 0.2, "threshold": 0.5, "share": 0.5}
    write(
        environment.decision_log,
        decision(1, 0, score=0.3, **terms),
        decision(2, 0, score=0.8, outcome="let_through", explored=True, **terms),
        decision(3, 0, score=0.8, outcome="stop", **terms),
        decision(4, 0, score=0.8, outcome="stop", rules=("limit",), **terms),
        decision(5, 0, score=0.8, outcome="stop", rules=("asks",), **terms),
        decision(6, 0, score=0.8, outcome="stop", rules=("of the past",), **terms),
        decision(7, 0, score=None, outcome="review", **terms),
    )  # fmt: skip
    lake = Lake(environment.lake)
    labelled(lake, *((n, 0, 1) for n in range(1, 8)))
    make(environment, product=product)
    found = {row["row_id"]: row["propensity"] for row in rows(lake)}
    assert found == pytest.approx({"1": 0.5, "2": 0.1, "3": 0.4, "4": 0.5, "5": 0.4, "6": 0.5, "7": 0.5})
    assert {row["row_id"] for row in rows(lake) if row["explored"]} == {"2"}


def test_decisions_on_one_entity_are_known_as_such_and_those_of_nobody_stand_alone(environment: Environment) -> None:
    """By all keys by which an arm is assigned, in no readable form; an erased person is nobody."""
    card = {"card_id": "C1", "terminal_id": "T1"}
    gone = decision(5, 0)
    write(
        environment.decision_log,
        *(decision(n, 0, keys=keys) for n, keys in ((1, card), (2, card), (3, {**card, "terminal_id": "T2"}))),
        replace(gone, keys={}, inputs={}, erased=True),
    )
    lake = Lake(environment.lake)
    labelled(lake, *((n, 0, 1) for n in range(1, 6)))
    make(environment)
    one, two, other, nobody = (row["entity"] for row in rows(lake))
    assert one == two != other
    assert nobody == "5"
    assert "C1" not in one
