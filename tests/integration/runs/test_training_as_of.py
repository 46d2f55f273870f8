"""A training set as of an old moment: whatever is corrected, delivered late or reviewed since, it is the same bytes."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.training.rows.provenance import PROVENANCE
from resources.environments import load_environment
from resources.lake import Lake
from resources.lake.content import ordered_hash
from tests.support.data.labelled_bank import LabelledBank, described, moment

TABLE, LAST, LATER = "loans/training_set", 25, 34
EACH = 4


@pytest.fixture
def bank(tmp_path: Path) -> LabelledBank:
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})
    return LabelledBank(described(tmp_path / "contracts"), environment)


def application(day: int, n: int, arrives: int | None = None) -> dict[str, object]:
    return {
        "application_id": f"A{day}-{n}", "customer_id": f"C{(day + n) % 7}", "amount": 100.0 + 7 * n + day,
        "event_time": moment(day), "known_at": moment(day if arrives is None else arrives, 13),
    }  # fmt: skip


def payment(name: str, day: int, arrives: int, amount: float = 5.0) -> dict[str, object]:
    times = {"event_time": moment(day, 1), "known_at": moment(arrives, 2)}
    return {"payment_id": name, "customer_id": f"C{day % 7}", "amount": amount, **times}


def default(row: str, value: int, day: int) -> dict[str, object]:
    times = {"event_time": moment(day, 3), "known_at": moment(day, 4)}
    return {"application_id": row, "defaulted": value, **times}


def deliver_until_last(bank: LabelledBank) -> None:
    """Applications of each day, each with a label four days later, but none of the day 10; a label without its row."""
    for day in range(LAST + 1):
        bank.deliver("applications", day, [application(day, n) for n in range(EACH)])
        bank.deliver("payments", day, [payment(f"P{day}-{n}", day, day) for n in range(day % 3 + 1)])
        told = day - 4
        labels = [default(f"A{told}-{n}", int((told + 2 * n) % 5 == 0), day) for n in range(EACH)]
        known = labels if told >= 0 and told != 10 else []
        bank.deliver("defaults", day, [*known, *([default("A9-99", 1, day)] if day == 14 else [])])


def deliver_the_rest(bank: LabelledBank) -> None:
    """Late labels, two corrections, a late application whose label was known long ago, and late payments."""
    late: dict[int, list[dict[str, object]]] = {28: [default(f"A10-{n}", 1, 28) for n in range(EACH)]}
    late[29] = [default("A3-0", 1, 29), default("A5-0", 0, 29), default("late", 1, 29)]
    for day in range(LAST + 1, LATER + 1):
        bank.deliver("applications", day, [application(day, n) for n in range(EACH)])
        bank.deliver("payments", day, [payment(f"P{day}-{n}", 8 + n, day, amount=900.0) for n in range(3)])
        bank.deliver("defaults", day, late.get(day, []))
    bank.deliver("applications", 30, [application(9, 99, arrives=30)])


def training_set(bank: LabelledBank, day: int) -> tuple[pa.Table, bytes, dict[str, Any]]:
    """The training set as of the start of a day, with the bytes of its one file, and the counts of its provenance."""
    (made,) = bank.train(moment(day, 0)).asset_materializations_for_node("loans__training_set")
    lake: Lake = bank.lake
    (path,) = lake.paths(TABLE)
    counts: Any = made.metadata["provenance"].value
    return lake.read(TABLE), Path(path).read_bytes(), counts


def by_row(table: pa.Table) -> dict[str, dict[str, Any]]:
    return {row["application_id"]: row for row in table.to_pylist()}


def test_a_training_set_as_of_an_old_moment_never_changes(bank: LabelledBank) -> None:
    deliver_until_last(bank)
    referred, other = bank.decide(
        {"row_id": "A3-0", "decided_at": moment(3), "as_of": moment(3), "outcome": "review"},
        {"row_id": "A4-0", "decided_at": moment(4), "as_of": moment(4), "outcome": "review"},
    )
    bank.review(referred, "approve", "K. Lee", moment(6))
    bank.make(0, LAST)
    before, written, counts = training_set(bank, LAST + 1)
    assert before.num_rows == (LAST + 1 - 5 - 1) * EACH
    assert set(PROVENANCE) <= set(before.column_names)
    assert counts["label_source"] == {"defaults": before.num_rows}
    assert (counts["rows"], counts["revised"], counts["reviewed"]) == (before.num_rows, 0, 1)
    history = {commit["version"]: commit for commit in bank.lake.history("loans/features")}
    assert all(history[version]["pins"] for version in before["features_version"].to_pylist())

    deliver_the_rest(bank)
    bank.review(referred, "decline", "A. Roy", moment(29))
    bank.review(other, "decline", "A. Roy", moment(29))
    bank.make(0, LATER)
    again, rewritten, _ = training_set(bank, LAST + 1)
    assert again.equals(before)
    assert ordered_hash(again) == ordered_hash(before)
    assert rewritten == written

    newest, _, counts = training_set(bank, LATER + 1)
    now = by_row(newest)
    assert (counts["revised"], counts["reviewed"], counts["reviewed_by_several"]) == (2, 2, 1)
    then = by_row(before)
    assert {"A10-0", "A9-99"} <= now.keys() - then.keys()
    assert (then["A3-0"]["label"], now["A3-0"]["label"]) == (0, 1)
    assert [row["A3-0"]["label_revision"] for row in (then, now)] == [0, 1]
    assert now["A3-0"]["label_known_at"] == moment(29, 4)
    assert [(row["A3-0"]["label_review"], row["A3-0"]["label_reviewers"]) for row in (then, now)] == [
        ("approve", 1),
        ("decline", 2),
    ]
    assert (then["A4-0"]["label_review"], now["A4-0"]["label_review"]) == (None, "decline")
    assert now["A2-1"] == then["A2-1"], "a row of which nothing new is known is what it was"
