"""Decisions that were made with values that were mended since ask for no model."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from assets.monitoring.consistency.comparison import CONSISTENCY_SCHEMA
from assets.monitoring.consistency.mended import Mended, mended_decisions, without_mended
from assets.monitoring.verdicts import MonitoringAction
from assets.product import Verdict
from pipelines.products import load_product
from resources.lake import Lake

PRODUCT = load_product("card_fraud")
LAST = date(2026, 3, 10)
WINDOW = (LAST - timedelta(days=6), LAST)
ASKS: Verdict[MonitoringAction] = Verdict("retrain", ("amount has drifted",))
CALM: Verdict[MonitoringAction] = Verdict("none", ("nothing has drifted",))


def lake_with(folder: Path, *found: tuple[int, str, int, str | None]) -> Lake:
    """A lake in whose table of consistency 100 decisions a day were compared, with so many that differ."""
    lake, days = Lake(str(folder)), [LAST - timedelta(days=n) for n in range(10)]
    rows = [
        {"day": LAST - timedelta(days=ago), "feature": feature, "mismatched": differing, "cause": cause}
        for ago, feature, differing, cause in found
    ]
    told = [
        dict.fromkeys(CONSISTENCY_SCHEMA.names, 0) | {"bundle": "b", "example": None, "largest_difference": None} | row
        | {"compared": 100}
        for row in rows
    ]  # fmt: skip
    lake.replace("card_fraud/consistency", pa.Table.from_pylist(told, schema=CONSISTENCY_SCHEMA), days=days)
    return lake


def test_features_of_mended_days_are_named_with_the_decisions(tmp_path: Path) -> None:
    lake = lake_with(
        tmp_path,
        (2, "amount", 90, "not_in_lake"), (3, "amount", 0, None), (2, "card_count_1d", 1, "late_event"),
        (2, "is_night", 100, "fallback"), (8, "is_weekend", 100, "not_in_lake"),
    )  # fmt: skip
    found = mended_decisions(PRODUCT, lake, *WINDOW)
    assert found.features == {"amount"}
    assert (found.differing, found.compared, found.last) == (90, 200, LAST - timedelta(days=2))
    assert found.sentence.startswith("90 of 200 decisions, the last of them on 2026-03-08, were made with other values")


def test_a_drift_that_is_gone_without_them_asks_for_no_model_and_another_does(tmp_path: Path) -> None:
    lake = lake_with(tmp_path, (2, "amount", 90, "not_in_lake"))

    def mended() -> Mended:
        return mended_decisions(PRODUCT, lake, *WINDOW)

    explained = without_mended(ASKS, mended, lambda names: CALM if "amount" in names else ASKS)
    assert (explained.action, explained.reasons[-1]) == ("none", "amount has drifted")
    assert explained.reasons[0].endswith("it was mended since; it asks for no new model")
    assert without_mended(ASKS, mended, lambda names: ASKS) == ASKS
    assert without_mended(ASKS, mended).action == "none"


def test_what_always_differs_explains_no_fall(tmp_path: Path) -> None:
    """Events that reach the service late differ every day; a model may still be worse than it was."""
    every_day = [(ago, "terminal_count_1d", 10, "late_event") for ago in range(10)]
    usual = lake_with(tmp_path / "usual", *every_day)
    assert without_mended(ASKS, lambda: mended_decisions(PRODUCT, usual, *WINDOW)) == ASKS
    worse = lake_with(
        tmp_path / "worse", *every_day[3:], *((ago, "terminal_count_1d", 60, "late_event") for ago in range(3))
    )
    assert mended_decisions(PRODUCT, worse, *WINDOW).features == {"terminal_count_1d"}


def test_without_a_comparison_or_a_difference_the_verdict_stays(tmp_path: Path) -> None:
    assert mended_decisions(PRODUCT, Lake(str(tmp_path / "none")), *WINDOW).last is None
    few = lake_with(tmp_path / "few", (2, "amount", 3, "late_event"))
    assert without_mended(ASKS, lambda: mended_decisions(PRODUCT, few, *WINDOW)) == ASKS
