"""The assets `decisions` and `outcomes` over a decision log and a lake: who decided stays who decided."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.feedback.assets import decisions_asset, outcomes_asset
from assets.product import Label, Partitions, Product, Spine
from assets.product.names import DECISIONS, OUTCOMES, table_name, validated_table
from assets.serving.decision import Decision
from assets.serving.log.decision_log import erase
from pipelines.products import load_product
from resources.environments import Environment, load_environment
from resources.lake import Lake
from resources.lake.content import ordered_hash
from tests.support.models.decision_samples import another, write

TIME = pa.timestamp("us", tz="UTC")
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
FRAUD = load_product("card_fraud")
PRODUCT = replace(
    FRAUD,
    label=Label(
        "fraud_labels", "transaction_id", "is_fraud", horizon=timedelta(days=2), delay=timedelta(days=1),
        meaning="it was fraud", kind="outcome",
    ),
)  # fmt: skip
LAST = 9


class Now:
    """A clock that stands after the last day."""

    def now(self) -> datetime:
        return START + timedelta(days=LAST + 1)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})


def day(number: int) -> date:
    return START.date() + timedelta(days=number)


def decision(row: int | str, number: int, **changes: Any) -> Decision:
    moment = START + timedelta(days=number)
    terms = {
        "product": "card_fraud", "row_id": row, "keys": {"card_id": f"C{row}", "terminal_id": "T1"}, "as_of": moment,
        "decided_at": moment, "inputs": {"amount": 12.5}, "outcome": "let_through", **changes,
    }  # fmt: skip
    return another(**terms)


def labelled(lake: Lake, *labels: tuple[int, int, int], product: Product = PRODUCT) -> None:
    """Replaces the labels: transaction, value, day on which it became known."""
    table = pa.table(
        {
            "transaction_id": pa.array([label[0] for label in labels], pa.int64()),
            "card_id": pa.array([f"C{label[0]}" for label in labels], pa.string()),
            "is_fraud": pa.array([label[1] for label in labels], pa.int64()),
            "event_time": pa.array([START] * len(labels), TIME),
            "known_at": pa.array([START + timedelta(days=label[2]) for label in labels], TIME),
            "day": pa.array([day(label[2]) for label in labels], pa.date32()),
        }
    )
    lake.replace(validated_table(product.name, "fraud_labels"), table, days=[day(n) for n in range(LAST + 1)])


def make(environment: Environment, *, product: Product = PRODUCT, first: int = 0, last: int = LAST) -> Lake:
    """Materialises both tables for a range of days."""
    partitions = Partitions("day", START.date())
    lake = Lake(environment.lake)
    tags = {
        "dagster/asset_partition_range_start": day(first).isoformat(),
        "dagster/asset_partition_range_end": day(last).isoformat(),
    }
    resources = {"lake": lake, "clock": Now(), "environment": environment, "io_manager": dg.mem_io_manager}
    for asset in (decisions_asset(product, partitions), outcomes_asset(product, partitions)):
        assert dg.materialize([asset], resources=resources, tags=tags).success
    return lake


def rows(lake: Lake, name: str = OUTCOMES) -> list[dict[str, Any]]:
    return sorted(lake.read(table_name("card_fraud", name)).to_pylist(), key=lambda row: row["row_id"])


def hashes(lake: Lake, names: Sequence[str] = (DECISIONS, OUTCOMES)) -> list[str]:
    return [ordered_hash(lake.read(table_name("card_fraud", name))) for name in names]


def test_an_outcome_says_who_decided_whatever_decides_now(environment: Environment) -> None:
    """Labels join the answered decisions alone: neither a shadow's, nor one that was void."""
    trial = {"rollout": "r-7", "share": 0.5}
    shadowed = decision(4, 1, role="shadow", shadow_of="x", bundle="9")
    void = decision(5, 1)
    write(
        environment.decision_log,
        decision(1, 0, bundle="1"),
        decision(2, 0, bundle="2", digest="cd" * 32, role="challenger", **trial),
        decision(3, 1, bundle="1", outcome="stop", **trial),
        shadowed, void, replace(void, void=True),
    )  # fmt: skip
    lake = Lake(environment.lake)
    labelled(lake, (1, 0, 1), (2, 1, 2), (4, 1, 2), (5, 1, 2))
    make(environment)
    assert [row["row_id"] for row in rows(lake, DECISIONS)] == ["1", "2", "3"]
    found = rows(lake)
    assert [(row["row_id"], row["bundle"], row["role"], row["label"]) for row in found] == [
        ("1", "1", "champion", 0),
        ("2", "2", "challenger", 1),
        ("3", "1", "champion", None),
    ]
    assert [(row["rollout"], row["share"], row["amount"]) for row in found] == [
        ("", 1.0, 12.5),
        ("r-7", 0.5, 12.5),
        ("r-7", 0.5, 12.5),
    ]
    assert {row["day"] for row in found} == {day(3), day(4)}
    before = hashes(lake)
    make(environment)
    make(environment, first=3, last=3)
    assert hashes(lake) == before, "made again, they are what they were"


def test_each_decision_on_a_row_is_judged_and_a_late_label_moves_it(environment: Environment) -> None:
    write(environment.decision_log, decision(1, 0, bundle="1"), decision(1, 2, bundle="2"))
    lake = Lake(environment.lake)
    labelled(lake, (1, 0, 1))
    make(environment)
    assert [(row["bundle"], row["day"], row["label"]) for row in rows(lake)] == [("1", day(3), 0), ("2", day(5), 0)]
    labelled(lake, (1, 0, 1), (1, 1, 8))
    make(environment, first=8, last=8)
    found = sorted((row["bundle"], row["day"], row["label"]) for row in rows(lake))
    assert found == [("1", day(8), 1), ("2", day(8), 1)]


def test_a_row_whose_id_is_no_number_has_no_label_and_spoils_none(environment: Environment) -> None:
    """The service gives an id of its own to a request without one."""
    write(environment.decision_log, decision("4f1c-a", 0), decision(1, 0))
    lake = Lake(environment.lake)
    labelled(lake, (1, 1, 1))
    make(environment)
    assert [(row["row_id"], row["label"]) for row in rows(lake)] == [("1", 1), ("4f1c-a", None)]


def test_labels_of_an_entity_are_joined_by_the_key_of_the_request(environment: Environment) -> None:
    by_card = Label(
        "fraud_labels", "card_id", "is_fraud", horizon=timedelta(days=2), delay=timedelta(days=1), meaning="card",
        spine_column="card_id",
    )  # fmt: skip
    product = replace(PRODUCT, label=by_card)
    write(environment.decision_log, decision(1, 0), decision(2, 0))
    lake = Lake(environment.lake)
    labelled(lake, (2, 1, 1))
    make(environment, product=product)
    assert [(row["card_id"], row["label"]) for row in rows(lake)] == [("C1", None), ("C2", 1)]


def test_what_only_the_row_in_the_lake_has_is_taken_from_there(environment: Environment) -> None:
    """Neither the stake nor the column by which labels know the row is part of the request."""
    by_branch = Label(
        "fraud_labels", "card_id", "is_fraud", horizon=timedelta(days=2), delay=timedelta(days=1), meaning="branch",
        spine_column="branch",
    )  # fmt: skip
    profit = replace(FRAUD.decision.profit, stake="limit")
    spine = Spine("card_transactions", "transaction_id", passthrough=("branch", "limit"), sequence="transaction_id")
    product = replace(PRODUCT, spine=spine, label=by_branch, decision=replace(FRAUD.decision, profit=profit))
    write(environment.decision_log, decision(1, 0), decision(2, 0), decision("none", 0))
    lake = Lake(environment.lake)
    delivered = pa.table(
        {
            "transaction_id": pa.array([1, 2], pa.int64()), "branch": ["C7", "C8"], "limit": [100.0, 200.0],
            "day": pa.array([day(0)] * 2, pa.date32()),
        }
    )  # fmt: skip
    lake.replace(validated_table("card_fraud", "card_transactions"), delivered, days=[day(0)])
    labelled(lake, (8, 1, 1))
    make(environment, product=product)
    found = [(row["row_id"], row["branch"], row["limit"], row["label"]) for row in rows(lake)]
    assert found == [("1", "C7", 100.0, None), ("2", "C8", 200.0, 1), ("none", None, None, None)]
    labelled(lake, (8, 1, 1), (7, 1, 9))
    make(environment, product=product, first=9, last=9)
    assert [row["label"] for row in rows(lake)] == [1, 1, None], "a late label finds the decision by its row"


def test_a_log_that_lacks_known_decisions_replaces_nothing(environment: Environment) -> None:
    """It was moved away, or restored from an old copy: a backfill must not forget who decided."""
    write(environment.decision_log, decision(1, 0), decision(2, 0))
    lake = Lake(environment.lake)
    labelled(lake)
    make(environment)
    before = hashes(lake)
    for file in (environment.decision_log / "card_fraud" / day(0).isoformat()).iterdir():
        file.unlink()
    write(environment.decision_log, decision(3, 0))
    with pytest.raises(dg.Failure, match="2 of 2 decisions"):
        make(environment)
    assert hashes(lake) == before


def test_an_erased_subject_is_gone_from_the_tables_when_they_are_made_again(environment: Environment) -> None:
    by_card = replace(PRODUCT.label, kind="event", spine_column="card_id", row_id="card_id")
    product = replace(PRODUCT, label=by_card)
    write(environment.decision_log, decision(1, 0), decision(2, 0))
    lake = Lake(environment.lake)
    labelled(lake)
    make(environment, product=product)
    assert erase(environment.decision_log, "card_fraud", "card_id", "C1") == 1
    make(environment, product=product)
    first, second = rows(lake, DECISIONS)
    assert (first["card_id"], first["keys"], first["inputs"], first["erased"]) == (None, "{}", "{}", True)
    assert second["card_id"] == "C2"
    assert [(row["card_id"], row["amount"], row["outcome"]) for row in rows(lake)] == [
        (None, None, "let_through"),
        ("C2", 12.5, "let_through"),
    ]
