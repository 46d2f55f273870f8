"""The newest figures of the tables, over a real lake."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from assets.feedback.queue import QUEUE_SCHEMA
from assets.monitoring.latest import LABELS, MEANINGS, latest_figures
from assets.monitoring.reviews.figures import AGREEMENT_SCHEMA
from pipelines.credit_risk.product import PRODUCT
from resources.lake import Lake
from tests.support.data.figured_lake import LAST, fill


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(str(tmp_path))
    fill(made, PRODUCT.name)
    return made


def found(lake: Lake) -> dict[str, float]:
    return {" ".join([one.name, *one.labels.values()]): one.value for one in latest_figures(PRODUCT, lake)}


def test_each_figure_is_of_the_newest_day(lake: Lake) -> None:
    figures = found(lake)
    end = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    assert figures["table_end_seconds features day"] == end
    assert (figures["day_rows applications"], figures["day_rows_refused applications"]) == (19, 1)
    assert (figures["feature_drift score"], figures["feature_drift income"]) == (0.03, 0.31)
    assert figures["drift_limit"] == PRODUCT.monitoring.max_psi
    assert (figures["performance 3 auc"], figures["performance 3 profit"]) == (0.71, 1e5)
    assert (figures["performance_rows 3 rows"], figures["performance_rows 3 labelled"]) == (900, 700)
    assert (figures["day_decisions approve"], figures["day_decisions decline"]) == (2, 1)


def test_figures_of_decisions_are_those_of_all_arms_of_a_bundle(lake: Lake) -> None:
    answered = replace(PRODUCT, monitoring=replace(PRODUCT.monitoring, judged="answered"))
    aucs = [one.value for one in latest_figures(answered, lake) if one.labels.get("figure") == "auc"]
    assert aucs == [0.71]


def test_what_is_not_known_is_left_out(lake: Lake) -> None:
    figures = found(lake)
    assert "feature_drift purpose" not in figures
    assert not [name for name in figures if "repayments" in name]
    assert found(Lake(lake.folder("nothing"))) == {"drift_limit": PRODUCT.monitoring.max_psi}


def test_groups_are_those_of_the_gate_and_small_ones_are_counted_alone(lake: Lake) -> None:
    figures = found(lake)
    assert (figures["group_acceptance sex f"], figures["group_acceptance sex m"]) == (0.8, 0.6)
    assert figures["group_acceptance age 25 to 40"] == 0.8
    assert figures["group_rows sex x"] == 6
    assert "group_acceptance sex x" not in figures
    assert figures["acceptance_ratio_limit"] == PRODUCT.gates.min_selection_ratio


def test_a_history_that_has_ended_is_never_late(lake: Lake) -> None:
    ended = replace(PRODUCT, end=LAST)
    assert not [one for one in latest_figures(ended, lake) if one.name == "table_end_seconds"]


def test_every_figure_has_its_labels_and_a_meaning(lake: Lake) -> None:
    assert LABELS.keys() == MEANINGS.keys()
    for one in latest_figures(PRODUCT, lake):
        assert tuple(one.labels) == LABELS[one.name]


def test_reviewers_are_shown_by_their_agreement_and_what_waits_for_them(lake: Lake) -> None:
    """An empty queue is 0, and not the queue of the day before."""
    days = [LAST - timedelta(days=1), LAST]
    row = dict.fromkeys(AGREEMENT_SCHEMA.names) | {
        "statistic": "cohen_kappa",
        "reviewers": 2,
        "reviewed": 9,
        "cases": 4,
    }
    agreement = [{**row, "day": day, "value": 0.5} for day in days]
    lake.replace("credit_risk/review_agreement", pa.Table.from_pylist(agreement, schema=AGREEMENT_SCHEMA), days=days)
    case = {"day": days[0], "place": 1, "decision_id": "d", "kind": "referred", "reasons": "[]", "bundle": "1",
            "decided_at": datetime(2026, 9, 1, tzinfo=UTC), "outcome": "review", "words": 0}  # fmt: skip
    lake.replace("credit_risk/review_queue", pa.Table.from_pylist([case], schema=QUEUE_SCHEMA), days=days)
    figures = found(lake)
    assert (figures["reviewers_agreement value"], figures["reviewers_cases several"]) == (0.5, 4)
    assert "reviewers_agreement low" not in figures
    assert {name: value for name, value in figures.items() if "queue" in name} == {
        "review_queue_cases referred": 0, "review_queue_cases disputed": 0, "review_queue_cases informative": 0,
    }  # fmt: skip
