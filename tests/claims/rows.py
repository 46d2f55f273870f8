"""Simulated claims as the daily files of the product `claims`.

Belongs here: drawing claims whose amounts follow a gamma distribution about a known mean, and writing their files. Does
not belong here: the product, assertions.
"""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv

from tests.claims.product import PRODUCT
from tests.support.claim_rows import true_mean

_POLICIES = 300
_SHAPE = 4.0


def write_claims(landing: Path, *, a_day: int, seed: int = 5) -> None:
    """A file of claims and one of settlements for each day of the product; a claim is settled two days later."""
    assert PRODUCT.end is not None
    random = np.random.default_rng(seed)
    days = (PRODUCT.end - PRODUCT.start).days + 1
    settled: dict[int, list[pa.Table]] = {day: [] for day in range(days + 3)}
    for name in ("claims", "settlements"):
        (landing / name).mkdir(parents=True)
    for day in range(days):
        claims, paid = _claims(random, day, a_day)
        at = [moment + timedelta(days=2) for moment in claims["event_time"].to_pylist()]
        times = pa.array(at, pa.timestamp("s", tz="UTC"))
        settled[day + 2].append(
            pa.table({"claim_id": claims["claim_id"], "event_time": times, "known_at": times, "paid": paid})
        )
        _write(claims, landing / "claims", day)
        if settled[day]:
            _write(pa.concat_tables(settled[day]), landing / "settlements", day)
        else:
            (landing / "settlements" / f"{PRODUCT.start + timedelta(days=day)}.csv").write_text(
                "claim_id,event_time,known_at,paid\n"
            )


def _claims(random: np.random.Generator, day: int, count: int) -> tuple[pa.Table, pa.Array]:
    """The claims of a day, and what will be paid for each."""
    start = datetime.combine(PRODUCT.start + timedelta(days=day), time(1), UTC)
    times = pa.array([start + timedelta(minutes=n * 1_200 // count) for n in range(count)], pa.timestamp("s", tz="UTC"))
    age, value = random.integers(18, 80, count), np.round(random.lognormal(8.5, 0.6, count), 2)
    car = random.random(count) < 0.5
    amount = np.round(random.gamma(_SHAPE, true_mean(age, value, car) / _SHAPE), 2) + 0.01
    claims = pa.table(
        {
            "claim_id": [f"C{day:03}-{n}" for n in range(count)],
            "policy_id": [f"P{n}" for n in random.integers(0, _POLICIES, count)],
            "event_time": times, "known_at": times, "insured_value": value, "driver_age": age,
            "kind": np.where(car, "car", "bike"), "region": np.where(random.random(count) < 0.3, "north", "south"),
        }
    )  # fmt: skip
    return claims, pa.array(np.round(amount, 2))


def _write(table: pa.Table, folder: Path, day: int) -> None:
    csv.write_csv(table, folder / f"{PRODUCT.start + timedelta(days=day)}.csv")
