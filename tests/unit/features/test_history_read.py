"""Which days of a source are read for the rows of a day, when one of them arrived late."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa

from assets.features.assets import _earliest, _history
from assets.features.data_files import partition_of
from assets.features.kernel import compile_features
from assets.materialising import table_name
from pipelines.products import load_product
from resources.lake import Lake

PRODUCT = load_product("card_fraud")
KERNEL = compile_features(PRODUCT.features, PRODUCT.resolutions)
LAST = date(2026, 6, 30)
DAYS = [LAST - timedelta(days=n) for n in reversed(range(120))]


def _lake(folder: Path, late: timedelta) -> Lake:
    """A row a day of each source; those of the last day happened some time before."""
    lake = Lake(str(folder))
    moments = [datetime.combine(day, time(12), UTC) for day in DAYS]
    moments[-1] -= late
    rows = pa.table({"event_time": pa.array(moments, pa.timestamp("us", tz="UTC")), "day": pa.array(DAYS, pa.date32())})
    for source in ("card_transactions", "fraud_labels"):
        lake.replace(table_name(PRODUCT, f"validated_{source}"), rows, days=DAYS)
    return lake


def _days(lake: Lake, earliest: date) -> list[date]:
    return sorted(map(partition_of, _history(PRODUCT, KERNEL, lake, "card_transactions", earliest, LAST)))


def test_a_late_row_has_the_history_of_its_own_moment(tmp_path: Path) -> None:
    """The widest window is 30 days; a row decided as of 50 days ago reaches 80 days back, and a day more for safety."""
    prompt, late = _lake(tmp_path / "prompt", timedelta(0)), _lake(tmp_path / "late", timedelta(days=50))
    assert _earliest(PRODUCT, prompt, (LAST,)) == LAST
    assert _earliest(PRODUCT, late, (LAST,)) == LAST - timedelta(days=50)
    assert _days(prompt, LAST) == DAYS[-32:]
    assert _days(late, LAST - timedelta(days=50)) == DAYS[-82:]


def test_a_day_without_rows_reads_for_itself(tmp_path: Path) -> None:
    """There is nothing that could be late."""
    lake = _lake(tmp_path, timedelta(0))
    nothing = lake.read(table_name(PRODUCT, "validated_card_transactions")).slice(0, 0)
    lake.replace(table_name(PRODUCT, "validated_card_transactions"), nothing, days=[LAST])
    assert _earliest(PRODUCT, lake, (LAST,)) == LAST
