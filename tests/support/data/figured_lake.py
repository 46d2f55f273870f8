"""A small lake with the tables whose newest figures are shown on dashboards.

Belongs here: two days of each such table of a product, written by hand. Does not belong here: the figures
(`assets.monitoring.latest`), tables as the pipeline makes them (the integration tests).
"""

from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from resources.lake import Lake

LAST = date(2026, 9, 30)
DAYS = (LAST - timedelta(days=1), LAST)


def fill(lake: Lake, product: str) -> None:
    """Writes the tables."""

    def write(table: str, /, *rows: dict[str, Any], **columns: pa.DataType) -> None:
        """The same rows on both days; on the first one the figures of drift and performance are others."""
        others = {"psi": 9.0, "auc": 0.5} if table.endswith(("drift", "performance")) else {}
        earlier = [{**row, **others} for row in rows]
        days = [{"day": day, **row} for day, each in zip(DAYS, (earlier, rows), strict=True) for row in each]
        schema = pa.schema([("day", pa.date32()), *columns.items()])
        lake.replace(f"{product}/{table}", pa.Table.from_pylist(days, schema=schema), days=list(DAYS))

    text, number, whole = pa.string(), pa.float64(), pa.int64()
    write("features", {"row_id": "1"}, row_id=text)
    for source in ("applications", "transactions"):
        write(f"validated_{source}", *({"row_id": str(n)} for n in range(19)), row_id=text)
        write(f"quarantine_{source}", {"reason": "broken"}, reason=text)
    write(
        "drift",
        {"name": "score", "psi": 0.03},
        {"name": "income", "psi": 0.31},
        {"name": "purpose", "psi": None},
        name=text,
        psi=number,
    )  # fmt: skip
    figures = {"auc": 0.71, "approved_auc": 0.74, "brier": 0.08, "bad_rate": 0.1, "acceptance": 0.8, "profit": 1e5}
    write(
        "performance",
        {"bundle": "3", "role": "all", "rows": 900, "labelled": 700, **figures},
        {"bundle": "3", "role": "champion", "rows": 800, "labelled": 600, **figures, "auc": 0.9},
        bundle=text, role=text, rows=whole, labelled=whole, **dict.fromkeys(figures, number),
    )  # fmt: skip
    write(
        "batch_performance",
        {"model_version": "3", "rows": 900, "labelled": 700, **figures},
        model_version=text, rows=whole, labelled=whole, **dict.fromkeys(figures, number),
    )  # fmt: skip
    write("outcomes", {"outcome": "approve"}, outcome=text)
    write("decisions", {"outcome": "approve"}, {"outcome": "approve"}, {"outcome": "decline"}, outcome=text)
    groups = [
        {"age": age, "sex": sex, "outcome": "approve" if number % 10 < share else "decline"}
        for age, sex, share in ((30.0, "f", 8), (50.0, "m", 6))
        for number in range(60)
    ]
    groups += [{"age": 70.0, "sex": "x", "outcome": "decline"} for _ in range(3)]
    write("scores", *groups, age=number, sex=text, outcome=text)
