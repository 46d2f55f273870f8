"""The longest window that may be declared: its first moment is a day of the calendar."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from assets.features.kernel.kernel import compile_features
from assets.features.online.load import planned_loads, put_source
from assets.vocabulary import FeatureSet
from assets.vocabulary.windows import LONGEST
from pipelines.card_fraud.product import PRODUCT
from resources.lake import Lake
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.lmdb_store import LmdbStore

DAY = date(2026, 3, 9)


def test_the_longest_window_is_loaded(tmp_path: Path) -> None:
    """The store has what lies within it, though it begins a thousand years before."""
    noon = pa.array([datetime(2026, 3, 9, 12, tzinfo=UTC)], TIMESTAMP)
    rows = {"terminal_id": ["t"], "is_fraud": [0], "event_time": noon, "known_at": noon}
    lake, day = Lake(str(tmp_path / "lake")), timedelta(days=1)
    lake.replace("card_fraud/validated_fraud_labels", pa.table({**rows, "day": pa.array([DAY])}), days=[DAY])
    first = next(feature for feature in PRODUCT.features.history if feature.source == "fraud_labels")
    kernel = compile_features(FeatureSet(history=[replace(first, window=LONGEST - day, lag=day)]), PRODUCT.resolutions)
    (load,) = planned_loads(
        PRODUCT, kernel, lake, made={"fraud_labels": frozenset()}, now=datetime(2026, 3, 10, 2, tzinfo=UTC)
    )
    assert (load.days, load.lookback) == ((DAY,), LONGEST)
    with closing(LmdbStore(tmp_path / "store")) as store:
        put_source(store, "v", load, None, pa.table(rows))
        assert store.publish("v").sources[load.source].rows == {"terminal_id": 1}
