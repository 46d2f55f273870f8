"""Inputs of a run of features: one version of each table, and the days within the lookback of a day's rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa

from assets.features.kernel.kernel import compile_features
from assets.features.table.data_files import partition_of
from assets.features.table.inputs import inputs_of
from assets.product.names import validated_table
from pipelines.products import load_product
from resources.lake import Lake
from tests.support.thirty_days import of_thirty_days

PRODUCT = of_thirty_days(load_product("card_fraud"))
SPINE = validated_table(PRODUCT.name, "card_transactions")
KERNEL = compile_features(PRODUCT.features, PRODUCT.resolutions)
LAST = date(2026, 6, 30)
DAYS = [LAST - timedelta(days=n) for n in reversed(range(120))]


def _rows(days: Sequence[date], late: timedelta = timedelta(0)) -> pa.Table:
    """A row a day; those of the last day happened some time before."""
    moments = [datetime.combine(day, time(12), UTC) for day in days]
    moments[-1] -= late
    return pa.table({"event_time": pa.array(moments, pa.timestamp("us", tz="UTC")), "day": pa.array(days, pa.date32())})


def _fill(lake: Lake, late: timedelta = timedelta(0)) -> None:
    for source in ("card_transactions", "fraud_labels"):
        lake.replace(validated_table(PRODUCT.name, source), _rows(DAYS, late), days=DAYS)


def _days(lake: Lake) -> list[date]:
    return sorted(map(partition_of, inputs_of(PRODUCT, KERNEL, lake, (LAST,)).events["card_transactions"].paths))


def test_a_late_row_has_the_history_of_its_as_of_time(tmp_path: Path) -> None:
    """The widest window is 30 days; a row decided as of 50 days ago needs 80 days and one more."""
    prompt, late = Lake(str(tmp_path / "prompt")), Lake(str(tmp_path / "late"))
    _fill(prompt)
    _fill(late, timedelta(days=50))
    assert _days(prompt) == DAYS[-32:]
    assert _days(late) == DAYS[-82:]


def test_the_days_that_were_read_are_recorded(tmp_path: Path) -> None:
    """A late row read days before its as-of day, so they lie that much further before the day of its arrival."""
    for late, before in ((0, 31), (50, 81)):
        lake = Lake(str(tmp_path / str(late)))
        _fill(lake, timedelta(days=late))
        assert inputs_of(PRODUCT, KERNEL, lake, (LAST,)).before == {"card_transactions": before, "fraud_labels": before}
        assert inputs_of(PRODUCT, KERNEL, lake, tuple(DAYS[-2:])).before["card_transactions"] == before


def test_a_day_without_rows_has_its_own_lookback(tmp_path: Path) -> None:
    """It has no late row."""
    lake = Lake(str(tmp_path))
    _fill(lake)
    lake.replace(SPINE, _rows(DAYS).slice(0, 0), days=[LAST])
    assert _days(lake) == DAYS[-32:-1]


class _Contended(Lake):
    """A lake in which another run replaces a table's last days as soon as its version was read."""

    def version(self, table: str) -> int:
        found = super().version(table)
        if table == SPINE:
            # The last day has more rows now, a late one among them; the day before has none any more.
            Lake(self.uri).replace(table, _rows([LAST] * 5, timedelta(days=50)), days=DAYS[-2:])
        return found


def test_only_pinned_versions_are_read(tmp_path: Path) -> None:
    """A version that another run commits in the meantime changes neither files nor days."""
    lake = Lake(str(tmp_path))
    _fill(lake)
    expected = inputs_of(PRODUCT, KERNEL, lake, (LAST,))
    found = inputs_of(PRODUCT, KERNEL, _Contended(lake.uri), (LAST,))
    assert lake.version(SPINE) == 1
    assert found == expected
    assert found.versions == {"card_transactions": 0, "fraud_labels": 0}


def test_rows_that_are_decided_later_are_read_from_the_days_of_their_requests(tmp_path: Path) -> None:
    """Decided 25 hours later, a row of noon belongs to the next day but one; none needs an event of a later day."""
    lake = Lake(str(tmp_path))
    _fill(lake)
    history = tuple(replace(feature, includes_request=False) for feature in PRODUCT.features.history)
    features = replace(PRODUCT.features, history=history)
    spine = replace(PRODUCT.spine, after=timedelta(hours=25))
    later = replace(PRODUCT, spine=spine, features=features)
    found = inputs_of(later, compile_features(features, PRODUCT.resolutions), lake, (LAST,))
    assert list(map(partition_of, found.spine.paths)) == DAYS[-3:]
    assert max(map(partition_of, found.events["fraud_labels"].paths)) == LAST
    assert found.before["card_transactions"] == 31
