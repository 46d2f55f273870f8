"""A model of an amount through evaluation: figures, gates, page, card, and the bundle that answers with it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.bundle.bundle import Bundle
from assets.bundle.registration import Registration
from assets.edge.export import export_model
from assets.edge.score import Model
from assets.edge.variants import Variant
from assets.evaluation.amounts.gates import AmountSignals, evaluate_amount_gates
from assets.evaluation.known import known_gates
from assets.evaluation.targets import Appraised, appraise, figures_of_test
from assets.governance.model_card import model_card
from assets.product import Amount, AmountGates
from assets.serving.engine import Engine
from assets.training.candidate import boosted_model, labelled_rows
from tests.claims.product import PRODUCT
from tests.support.claim_bundle import KEY, MADE, SMALL, trained, training_table

TABLE = training_table()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return trained(TABLE, tmp_path_factory.mktemp("bundle") / "1")


def appraised(bundle: Bundle, champion: Bundle | None = None, table: pa.Table = TABLE) -> Appraised:
    return appraise(SMALL, table, bundle, Engine(bundle, None), champion, future_features=0, latency_ms=1.0, made=MADE)


@pytest.fixture(scope="module")
def found(bundle: Bundle) -> Appraised:
    return appraised(bundle)


def gates(found: Appraised) -> Mapping[str, Any]:
    return {result.name: result for result in found.verdict.results}


def test_a_good_model_passes_the_gates_in_the_metrics_of_an_amount(found: Appraised) -> None:
    assert found.verdict.action == "promote", found.verdict.reasons
    assert found.report["metrics"]["test"]["skill"] > 0.2
    assert abs(found.report["metrics"]["test"]["mean_error"]) < 0.1
    low, high = (found.metrics[f"test_skill_{end}"] for end in ("low", "high"))
    assert low is not None
    assert high is not None
    assert 0.0 < low < found.report["metrics"]["test"]["skill"] < high
    assert found.shown["mae"] == found.report["metrics"]["test"]["mae"]
    assert 0.8 < found.report["coverage"] < 0.97
    assert found.report["stability"]["lime_rank_agreement"] > 0.5
    assert {gate.name for gate in known_gates(PRODUCT.gates)} == set(gates(found))
    assert "AUC" not in "".join(result.reason for result in found.verdict.results if "single" not in result.name)


def test_the_page_and_the_card_say_what_means_something_for_an_amount(bundle: Bundle, found: Appraised) -> None:
    for words in ("MAE, EUR", "Predicted and actual", "Wrong slices", "Groups of people", "north", "gamma"):
        assert words in found.page
    for words in ("ROC", "Kolmogorov", "probability"):
        assert words not in found.page
    assert set(found.pictures) == {"calibration", "residuals", "importance", "dependence"}
    assert all(picture.startswith(b"\x89PNG") for picture in found.pictures.values())
    card = model_card(SMALL, found.parts)
    for words in ("mean error", "tenth by prediction", "largest error", "Amounts are in EUR", "expected amount, EUR"):
        assert words in card
    assert "selection ratio" not in card


def test_the_record_of_a_version_has_its_headline_figures(found: Appraised) -> None:
    record = Registration.of(found.parts, digest="d", author="a", code="c")
    assert list(record.metrics) == ["skill", "mae", "rmse", "mean_error"]


def test_the_same_model_again_is_no_worse_than_itself_and_a_worse_one_is_refused(
    bundle: Bundle, tmp_path: Path
) -> None:
    again = appraised(bundle, champion=bundle)
    assert list(again.report["comparison"].values()) == pytest.approx([0.0, 0.0, 0.0], abs=1e-5)  # by the served form
    shuffled = np.random.default_rng(1).permutation(len(TABLE))
    mixed = TABLE
    for name in ("label", "label_amount"):
        mixed = mixed.set_column(mixed.column_names.index(name), name, TABLE[name].take(pa.array(shuffled)))
    chance = trained(mixed, tmp_path / "chance")
    worse = appraised(chance, champion=bundle)
    assert worse.verdict.action == "refuse"
    assert gates(worse)["champion_comparison"].passed is False
    assert gates(worse)["better_than_constant"].passed is False


def test_a_model_that_is_wrong_in_the_mean_is_refused(bundle: Bundle) -> None:
    doubled = pc.multiply(TABLE["label_amount"], 2.0)
    table = TABLE.set_column(TABLE.column_names.index("label_amount"), "label_amount", doubled)
    found = appraised(bundle, table=table)
    assert gates(found)["mean_calibration"].passed is False
    assert gates(found)["decile_calibration"].passed is False
    assert gates(found)["group_error"].passed is False
    assert found.report["metrics"]["test"]["mean_error"] == pytest.approx(-0.5, abs=0.06)


def test_a_feature_whose_rows_are_wrong_is_found_as_a_slice(bundle: Bundle) -> None:
    factor = pc.if_else(pc.equal(TABLE["kind"], "car"), 1.6, 1.0)
    moved = pc.multiply(TABLE["label_amount"], factor)
    table = TABLE.set_column(TABLE.column_names.index("label_amount"), "label_amount", moved)
    slices = appraised(bundle, table=table).report["slices"]
    assert any(one["confirmed"] and "kind=car" in one["condition"] for one in slices)


def test_a_decision_states_the_amount_its_unit_and_its_interval_and_reads_back(bundle: Bundle) -> None:
    engine = Engine(bundle, None)
    scores = engine.score(TABLE)
    rows, split, _ = labelled_rows(SMALL, TABLE, bundle.parts.encoder)
    ids = TABLE["claim_id"].to_numpy(zero_copy_only=False)
    place = {name: number for number, name in enumerate(ids.tolist())}
    order = [place[name] for name in rows.row_ids[split.test].tolist()]
    np.testing.assert_allclose(scores[order], boosted_model(bundle.parts).predict(rows.matrix[split.test]), rtol=1e-5)
    assert bundle.policy.unit == "EUR"
    assert bundle.policy.interval is not None
    low, high = bundle.policy.interval.around(1_000.0)
    assert low < 1_000.0 < high
    result = engine.score_table(TABLE)
    refused = np.array(result.outcomes) == "inspect"
    assert (refused == (result.scores >= bundle.policy.threshold)).all()
    assert 0.0 < refused.mean() <= 0.5
    one_by_one = [float(engine.score(TABLE.slice(n, 1))[0]) for n in range(50)]
    assert one_by_one == scores[:50].tolist()


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_an_exported_model_states_the_amounts_of_the_bundle(bundle: Bundle, tmp_path: Path, variant: Variant) -> None:
    export_model(bundle, tmp_path / "model", KEY, variant)
    found = Model(tmp_path / "model")
    rows = TABLE.slice(0, 40).to_pylist()
    stated = [answer["score"] for answer in found.decide([{**row, "as_of": row["as_of"].isoformat()} for row in rows])]
    wanted = Engine(bundle, None).score(TABLE.slice(0, 40))
    if variant == "float32":
        assert stated == wanted.tolist()
    else:
        np.testing.assert_allclose(stated, wanted, rtol=0.5)
    assert found.scoring["unit"] == "EUR"


def test_what_a_rebuild_compares_are_the_figures_that_the_evaluation_recorded(bundle: Bundle, found: Appraised) -> None:
    rows, split, _ = labelled_rows(SMALL, TABLE, bundle.parts.encoder)
    test = rows.take(split.test)
    again = figures_of_test(SMALL, test, boosted_model(bundle.parts).predict(test.matrix))
    assert again.figures == found.report["metrics"]["test"]


def test_without_a_threshold_nobody_is_refused(tmp_path: Path) -> None:
    target = Amount(unit="EUR", objective="gamma", threshold=float("inf"))
    product = replace(SMALL, model=replace(SMALL.model, target=target, candidates=("scorecard",)))
    bundle = trained(TABLE, tmp_path / "free", product)
    assert set(Engine(bundle, None).score_table(TABLE).outcomes) == {"settle"}
    assert "nobody is refused" in appraise(
        product, TABLE, bundle, Engine(bundle, None), None, future_features=0, latency_ms=1.0,
        made=MADE + timedelta(days=1),
    ).page.replace("Nobody", "nobody")  # fmt: skip


def test_an_unknown_signal_passes_no_gate() -> None:
    verdict = evaluate_amount_gates(AmountSignals(), AmountGates())
    assert verdict.action == "refuse"
    assert all(result.passed is False for result in verdict.results)
