"""Rules on days: volume, freshness, distribution, references; a day is compared with what came before it."""

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.ingestion.landing import as_raw
from assets.product.contracts.contract import Contract, Distribution, NewestEvent, Reference, Volume
from assets.validation.audit import Audit, audit
from assets.validation.rules.day_rules import Surroundings
from resources.sources.readers import DayRows
from tests.unit.validation.test_audit import DAY, contract, row

BEFORE = [DAY - timedelta(days=n) for n in range(1, 15)]


def run(terms: Contract, count: int = 1, **surroundings: Any) -> Audit:
    """The verdict on a day of so many rows."""
    given = [row(id=str(n)) for n in range(count)]
    table = pa.Table.from_pylist(given, schema=pa.schema([(name, pa.string()) for name in terms.names]))
    raw = as_raw(terms, DayRows(DAY, table, ())).table
    return audit(terms, raw, [DAY], surroundings=Surroundings(**surroundings))


def plain(**rules: Any) -> Contract:
    """A contract without expectations, and with these rules."""
    return contract(expectations=(), **rules)


def broken(outcome: Audit) -> list[tuple[str, str]]:
    """The rules on days that are broken, with what was observed."""
    return [(row["rule"], row["value"]) for row in outcome.quarantine.to_pylist() if row["row_ref"] == str(DAY)]


@pytest.mark.parametrize(
    ("volume", "rows", "found"),
    [
        (Volume(min_rows=5), 4, [("volume_is_within_bounds", "4 rows")]),
        (Volume(min_rows=4, max_rows=4), 4, []),
        (Volume(max_rows=3), 4, [("volume_is_within_bounds", "4 rows")]),
        (Volume(max_change=0.5), 4, [("volume_is_usual", "4 rows, median 10")]),
        (Volume(max_change=0.5), 5, []),
        (Volume(max_change=0.5), 16, [("volume_is_usual", "16 rows, median 10")]),
        (Volume(min_rows=1), 0, [("volume_is_within_bounds", "0 rows")]),
    ],
)
def test_volume(volume: Volume, rows: int, found: list[tuple[str, str]]) -> None:
    outcome = run(plain(volume=volume), rows, rows={**dict.fromkeys(BEFORE, 10), DAY: rows})
    assert broken(outcome) == found
    assert outcome.days[0].blocked is bool(found)


def test_volume_is_not_compared_with_a_few_days() -> None:
    """Nor with later days, which a single day would not know."""
    later = [DAY + timedelta(days=n) for n in range(1, 15)]
    assert not broken(run(plain(volume=Volume(max_change=0.1)), 1, rows=dict.fromkeys([*BEFORE[:6], *later], 10)))


def test_freshness() -> None:
    """The newest event is of 10:00, 14 hours before the end of the day."""
    assert not broken(run(plain(freshness=NewestEvent(14))))
    assert broken(run(plain(freshness=NewestEvent(13)))) == [("newest_event_is_fresh", "14.0 hours")]
    assert broken(run(plain(freshness=NewestEvent(13)), 0)) == [("newest_event_is_fresh", "no event")]


@pytest.mark.parametrize(("shift", "kind", "found"), [(0.0, "a", []), (3.0, "a", ["amount"]), (0.0, "b", ["kind"])])
def test_distribution(shift: float, kind: str, found: list[str]) -> None:
    random = np.random.default_rng(7)
    amounts = [*random.normal(100, 10, 1_400), *(random.normal(100, 10, 300) + 10 * shift)]
    days = [day for day in BEFORE for _ in range(100)] + [DAY] * 300
    other = "b" if kind == "a" else "a"
    kinds = ["a", "a", "a", "b"] * 350 + [kind, kind, kind, other] * 75
    earlier = pa.table({
        "amount": [f"{amount:.2f}" for amount in amounts], "kind": kinds, "day": pa.array(days, pa.date32()),
    })  # fmt: skip
    outcome = run(plain(distribution=Distribution(("amount", "kind"), max_psi=0.25)), earlier=earlier)
    assert [r["column"] for r in outcome.quarantine.to_pylist()] == found


def test_references() -> None:
    """A value that the other source knows only later is not known yet."""
    terms = plain(references=(Reference("id", "customers", "customer_id"),))
    known = pa.table({"value": ["0", "1"], "day": pa.array([DAY, DAY + timedelta(days=1)], pa.date32())})
    outcome = run(terms, 3, references={"id": known})
    assert outcome.valid["id"].to_pylist() == ["0"]
    assert [(r["rule"], r["value"]) for r in outcome.quarantine.to_pylist()] == [
        ("reference_exists", "1"), ("reference_exists", "2"),
    ]  # fmt: skip


def test_an_empty_source_knows_nothing() -> None:
    terms = plain(references=(Reference("id", "customers", "customer_id"),))
    nothing = pa.table({"value": pa.array([], pa.string()), "day": pa.array([], pa.date32())})
    assert run(terms, 1, references={"id": nothing}).failed_by_rule == {"reference_exists(id)": 1}
