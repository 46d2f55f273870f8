"""The command `fairness`: what a person sees of a champion, and what a person gets wrong."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from assets.evaluation.evaluate import evaluate_model
from assets.product import FairnessPolicy, GatePolicy, Jurisdiction, Limit, Protected
from assets.training.candidates import train_candidates
from assets.training.mitigation.frontier import Frontier, FrontierPoint, choose
from assets.training.rows.split import split_rows
from pipelines.cli import console
from pipelines.cli.models import fairness
from pipelines.cli.render.fairness import show_fairness
from pipelines.operations.models.fairness import FairnessView, NoFairness, fairness_of
from resources.environments import Environment
from tests.support.data.unfair_rows import DECISION, MATURITY, SPEC, unfair_rows
from tests.support.models.evaluated_bundle import PRODUCT
from tests.support.models.registered import RegisteredHome
from tests.unit.pipelines.cli.conftest import Refused

POLICY = FairnessPolicy((Jurisdiction("eu", "the directive", (Limit("selection_ratio", 0.8),)),))
POINTS = [FrontierPoint("none", 0.0, 100.0, 0.3), FrontierPoint("penalty", 0.15, 90.0, 0.05)]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("fairness nothing", "there is no product 'nothing'"),
        ("fairness card_fraud", "card_fraud declares no protected attribute: name them as protected= in its"),
        ("fairness credit_risk", "credit_risk has no champion yet: loopline run credit_risk"),
        ("fairness credit_risk --json", "credit_risk has no champion yet"),
        ("fairness credit_risk --plot x.png", "--plot is the picture of the frontier: give --frontier too"),
    ],
)
def test_a_mistake_is_one_sentence(
    command: str, said: str, environment: Environment, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fairness, "load_environment", lambda: environment)
    assert said in refused(command)


def test_a_champion_without_a_policy_has_the_figures_of_its_groups(tmp_path: Path) -> None:
    home = RegisteredHome(tmp_path / "home")
    with pytest.raises(NoFairness, match="loans has no champion yet"):
        fairness_of(PRODUCT, home.environment)
    home.move(home.register())
    found = fairness_of(PRODUCT, home.environment)
    assert (found.product, found.version, found.policy, found.frontier) == ("loans", "1", None, None)
    assert found.refused is False
    assert [report["attribute"] for report in found.reports] == ["sex"]
    assert json.loads(json.dumps(found.to_dict()))["attributes"][0]["groups"][0]["group"] == "female"


def assessed() -> Mapping[str, object]:
    rows = unfair_rows(3000)
    split = split_rows(rows.as_of, rows.y, spec=SPEC, maturity=MATURITY)
    candidates = train_candidates(rows, split, SPEC)
    return evaluate_model(
        rows, split, candidates.boosted, candidates.scorecard, decision=DECISION, protected=(Protected("sex"),),
        gates=GatePolicy(min_auc=0.6), seed=7, fairness=POLICY,
    ).to_dict()  # fmt: skip


def test_groups_limits_proxies_and_frontier_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    record = assessed()
    frontier = Frontier("sex", "selection_gap", 0.1, choose(POINTS, 0.1))
    plain = FairnessView("loans", "4", tuple(record["fairness"]), None, None)  # type: ignore[arg-type]
    view = replace(plain, policy=record["fairness_policy"], frontier=frontier)  # type: ignore[arg-type]
    assert view.refused
    show_fairness(view, console.results(False))
    text = capsys.readouterr().out
    for expected in (
        "Fairness of loans, version 4", "shoe_size 0.9", "eu: the directive: selection_ratio",
        "eu_selection_ratio: sex: accepted share of 'female' over that of 'male' is", "proxies: ",
        "penalty of strength 0.15: selection gap by sex 0.05 instead of 0.3",
    ):  # fmt: skip
        assert expected in text
    show_fairness(plain, console.results(False))
    assert "so no limit is judged" in capsys.readouterr().out
