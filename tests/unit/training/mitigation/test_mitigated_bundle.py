"""A declared mitigation, from the training set to the decisions of the signed bundle."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from assets.bundle.files import load_bundle, write_bundle
from assets.product import FairnessPolicy, Files, Jurisdiction, Label, Mitigation, Product, Protected, Spine
from assets.serving.engine import Engine
from assets.training.candidate import candidate_parts, labelled_rows
from assets.training.candidates import train_candidates
from assets.training.mitigation.mitigate import mitigated, tried_frontier
from assets.vocabulary import FeatureSet, Number
from tests.support.data.unfair_rows import DECISION, SPEC, unfair_rows
from tests.support.models.evaluated_bundle import PRODUCT

KEY = b"k" * 32
POLICY = FairnessPolicy(
    (Jurisdiction("eu", "the directive"),), mitigation=Mitigation("reweighing", "sex", 0.1, strengths=4)
)
CONTRACT = """
source: applications
description: Applications.
owner: someone@bank.example
key: [application_id]
event_time: event_time
known_at: known_at
max_quarantined: 0.02
columns:
  application_id: {type: integer, description: names it}
  event_time: {type: timestamp, description: when}
  known_at: {type: timestamp, description: when known}
  sex: {type: string, description: sex}
  skill: {type: number, description: skill, resolution: 0.000001}
  shoe_size: {type: number, description: shoe size, resolution: 0.000001}
  noise: {type: number, description: noise, resolution: 0.000001}
"""


def product_of(folder: Path, policy: FairnessPolicy | None) -> Product:
    (folder / "applications.yaml").write_text(CONTRACT)
    return replace(
        PRODUCT,
        contracts=folder, sources=(Files("applications", "a/{day}.csv"),),
        spine=Spine(source="applications", row_id="application_id", passthrough=("sex",)),
        label=Label("applications", "application_id", "late", 1, timedelta(days=4), timedelta(days=1), "late"),
        features=FeatureSet(request=(Number("skill"), Number("shoe_size"), Number("noise")), owner="risk"),
        model=SPEC, decision=DECISION, protected=(Protected("sex"),), fairness=policy, request_example={},
    )  # fmt: skip


def training_set() -> pa.Table:
    rows = unfair_rows()
    features = {name: rows.matrix[:, place].astype(np.float64) for place, name in enumerate(rows.columns)}
    as_of = pa.array(rows.as_of.astype(np.int64), pa.timestamp("us", tz="UTC"))
    return pa.table(
        {
            "application_id": rows.row_ids, "as_of": as_of, **features, "sex": pa.array(rows.protected["sex"]),
            "label": rows.y, "label_known_at": as_of,
        }
    )  # fmt: skip


def test_the_bundle_decides_with_less_disparity_and_without_the_attribute(tmp_path: Path) -> None:
    product, table = product_of(tmp_path, POLICY), training_set()
    rows, split, encoder = labelled_rows(product, table)
    candidates = train_candidates(rows, split, product.model)
    fair = mitigated(product, rows, split, candidates.boosted)
    assert set(fair.record) == {"mitigation"}
    assert fair.pictures["fairness_frontier"].startswith(b"\x89PNG")
    chosen = replace(candidates, boosted=fair.model)
    gaps = []
    for name, model in (("plain", candidates), ("fair", chosen)):
        pins = dict(fair.record) if name == "fair" else {}
        parts = candidate_parts(
            product, rows, split, model, encoder, pins=pins, created_at=datetime(2026, 6, 1, tzinfo=UTC)
        )
        write_bundle(parts, tmp_path / name, KEY)
        bundle = load_bundle(tmp_path / name, KEY, None)
        assert "sex" not in (*bundle.parts.encoder.columns, *bundle.parts.kernel.features.names)
        test = table.take(pa.array(split.test))
        accepted = Engine(bundle, None).score(test.drop_columns(["sex"])) < bundle.policy.threshold
        female = np.array(test["sex"].to_pylist()) == "female"
        gaps.append(abs(accepted[female].mean() - accepted[~female].mean()))
    assert gaps[1] < 0.5 * gaps[0]
    assert bundle.parts.pins["mitigation"]["words"].startswith("reweighing of strength ")


def test_without_a_declared_mitigation_the_candidate_is_kept(tmp_path: Path) -> None:
    table = training_set()
    for policy in (None, replace(POLICY, mitigation=None)):
        product = product_of(tmp_path, policy)
        rows, split, _ = labelled_rows(product, table)
        candidate = train_candidates(rows, split, product.model).boosted
        kept = mitigated(product, rows, split, candidate)
        assert kept.model is candidate
        assert (kept.record, kept.pictures, kept.shown) == ({}, {}, {})


def test_what_every_method_would_do_is_one_frontier(tmp_path: Path) -> None:
    product, table = product_of(tmp_path, None), training_set()
    rows, split, _ = labelled_rows(product, table)
    candidate = train_candidates(rows, split, product.model).boosted
    frontier = tried_frontier(product, product.protected[0], rows, split, candidate, 0.05)
    assert [point.method for point in frontier.points].count("none") == 1
    assert {point.method for point in frontier.points} == {"none", "reweighing", "penalty", "reduction"}
    assert frontier.chosen.disparity <= 0.05
