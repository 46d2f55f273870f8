"""Rows of some days."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(5)]


def rows(days: list[date], each: int = 3, offset: int = 0) -> pa.Table:
    count = len(days) * each
    return pa.table(
        {
            "id": pa.array(np.arange(count) + offset),
            "word": pa.array([f"w{n}" for n in range(count)], pa.string()),
            "day": pa.array([day for day in days for _ in range(each)], pa.date32()),
        }
    )
