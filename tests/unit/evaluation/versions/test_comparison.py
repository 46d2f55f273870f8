"""Two versions on the same rows: which rows, which figures, which decisions differ and why."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from assets.evaluation.versions.comparison import VersionComparison, compare_versions
from assets.evaluation.versions.page import comparison_page
from assets.evaluation.versions.rows import Compared, NotComparable, compared_rows
from assets.metrics.resampling import FIGURES
from assets.serving.engine import Engine
from tests.support.models.two_versions import TwoVersions, two_versions


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> TwoVersions:
    return two_versions(tmp_path_factory.mktemp("versions"))


@pytest.fixture(scope="module")
def rows(versions: TwoVersions) -> Compared:
    return compared_rows(versions.product, versions.lake, versions.one, versions.other)


@pytest.fixture(scope="module")
def found(versions: TwoVersions, rows: Compared) -> VersionComparison:
    return compare_versions("loans", rows, versions.product.decision, seed=7)


def test_the_rows_are_new_to_both(versions: TwoVersions, rows: Compared) -> None:
    """The later version tested 30 days; none of them is from before the earlier one's own test window."""
    first = np.datetime64(versions.other.parts.metrics["windows"]["test"]["first"][:-1], "us")
    assert rows.as_of.min() >= first
    assert rows.learned == 0
    assert len(rows.y) + rows.absent == versions.other.parts.metrics["windows"]["test"]["rows"]
    assert (rows.one.training_set, rows.other.training_set) == (0, 1)


def test_a_version_whose_feature_is_gone_is_scored_on_its_own_set(versions: TwoVersions, rows: Compared) -> None:
    """The later set has the dropped column without a value; rows that the earlier set lacks are left out."""
    later = versions.lake.read("loans/training_set", version=1)
    assert later["income"].null_count == later.num_rows, "the lake keeps the column"
    assert rows.absent > 0
    own = versions.lake.read("loans/training_set", version=0)
    place = {str(one): at for at, one in enumerate(own["application_id"].to_pylist())}
    mine = own.take(pa.array([place[one] for one in rows.ids.tolist()]))
    assert rows.one.scores.tolist() == Engine(versions.one, None).score(mine).tolist()


def test_a_version_whose_features_are_all_there_is_scored_on_the_later_set(tmp_path: Path) -> None:
    both = two_versions(tmp_path, drops=False)
    common = compared_rows(both.product, both.lake, both.one, both.other)
    assert common.absent == 0
    assert len(common.y) == both.other.parts.metrics["windows"]["test"]["rows"]
    found = compare_versions("loans", common, both.product.decision, seed=7)
    assert (found.added, found.dropped) == (("shop",), ())
    assert (found.figures["auc"].difference.low or 0.0) > 0.0, "the shop tells more"


def test_figures_are_paired_and_those_of_scikit_learn(found: VersionComparison, rows: Compared) -> None:
    assert set(found.figures) == {*FIGURES, "profit"}
    auc = found.figures["auc"]
    assert auc.one.value == pytest.approx(roc_auc_score(rows.y, rows.one.scores), abs=1e-12)
    assert auc.other.value == pytest.approx(roc_auc_score(rows.y, rows.other.scores), abs=1e-12)
    assert auc.difference.value == pytest.approx(auc.other.value - auc.one.value)
    for pair in found.figures.values():
        assert pair.difference.low is not None
        assert pair.difference.high is not None
        assert pair.difference.low < pair.difference.value < pair.difference.high
    both = sum((side.high or 0.0) - (side.low or 0.0) for side in (auc.one, auc.other))
    assert (auc.difference.high or 0.0) - (auc.difference.low or 0.0) < both, "narrower than two intervals"


def test_the_profit_is_that_of_the_answers(found: VersionComparison, rows: Compared) -> None:
    accepted = rows.other.codes == 0
    assert found.figures["profit"].other.value == np.where(rows.y[accepted] == 1, -3.0, 1.0).sum()
    assert sum(flip.gain for flip in found.flips) == pytest.approx(found.figures["profit"].difference.value)


def test_features_that_came_and_went_are_named(found: VersionComparison) -> None:
    assert (found.added, found.dropped) == (("shop",), ("income",))
    changes = {one.feature: one for one in found.features}
    assert changes["shop"].one is None
    assert changes["income"].other is None
    assert sum(one.one or 0.0 for one in found.features) == pytest.approx(1.0)
    assert found.features[0].feature in ("shop", "income")


def test_the_slice_of_the_new_feature_gains_most(found: VersionComparison) -> None:
    """Incomes told version 1 of risks that version 2 cannot see; shops tell version 2."""
    named = {one.slice: one for one in found.slices}
    assert any(name.startswith("shop is") for name in named), list(named)
    for one in found.slices:
        assert one.low <= one.difference <= one.high
        assert one.difference == pytest.approx(one.other_loss - one.one_loss)


def test_every_decision_that_differs_has_a_cause(found: VersionComparison, rows: Compared) -> None:
    assert sum(flip.rows for flip in found.flips) == (rows.one.codes != rows.other.codes).sum() > 0
    for flip in found.flips:
        assert sum(flip.causes.values()) == flip.rows
        assert flip.causes["rules"] == 0
        if flip.causes["score"]:
            assert flip.features[0].feature in ("shop", "income", "amount")
            assert 0.0 < flip.features[0].leads <= 1.0


def test_another_threshold_alone_is_named_as_the_cause(versions: TwoVersions, rows: Compared) -> None:
    stricter = replace(versions.one.parts.policy, threshold=versions.one.policy.threshold / 2)
    other = replace(versions.one, parts=replace(versions.one.parts, policy=stricter, version="3"), digest="stricter")
    common = compared_rows(versions.product, versions.lake, versions.one, other)
    assert common.one.scores.tolist() == common.other.scores.tolist()
    found = compare_versions("loans", common, versions.product.decision, seed=7)
    (flip,) = found.flips
    assert (flip.before, flip.after) == ("accepted", "refused")
    assert flip.causes == {"score": 0, "threshold": flip.rows, "score and threshold": 0, "rules": 0}
    assert flip.features == ()
    assert found.figures["auc"].difference.to_dict() == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_a_model_that_learned_from_the_rows_is_not_compared_on_them(versions: TwoVersions) -> None:
    """As if version 1 had been tested on its last days alone: earlier rows are left out."""
    windows = json.loads(json.dumps(versions.one.parts.metrics["windows"]))
    windows["test"] = {**windows["test"], "first": "2026-04-08T00:00:00Z", "end": "2026-05-01T00:00:00Z"}
    older = replace(versions.one, parts=replace(versions.one.parts, metrics={"windows": windows}))
    common = compared_rows(versions.product, versions.lake, older, versions.other)
    assert common.learned > 0
    assert common.as_of.min() >= np.datetime64("2026-04-08", "us")
    windows["test"]["first"] = "2026-05-01T00:00:00Z"
    never = replace(versions.one, parts=replace(versions.one.parts, metrics={"windows": windows}))
    with pytest.raises(NotComparable, match="0 rows in common"):
        compared_rows(versions.product, versions.lake, never, versions.other)


def test_its_json_and_its_page_hold_the_same(found: VersionComparison) -> None:
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert set(told) == {
        "product", "versions", "rows", "bad", "entities", "from", "to", "left_out", "figures", "calibration",
        "features", "slices", "flips", "same_answers", "rank_correlation", "thresholds", "training_sets",
    }  # fmt: skip
    assert told["versions"] == ["1", "2"]
    assert set(told["features"]) == {"added", "dropped", "importance"}
    page = comparison_page(found)
    for words in ("version 2 beside version 1", "shop", "income", f"{found.flips[0].rows:,} from", "ROC"):
        assert words in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
