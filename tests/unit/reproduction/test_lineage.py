"""A decision is traced to its bundle, its arm, its tables, its code and the people who answered for it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from assets.product.names import TRAINING_SET
from assets.reproduction.tree import Node, to_html
from assets.serving.decision import Decision
from pipelines.operations.decisions.trace import trace, write_trace_page
from resources.lake import Lake
from resources.lake.origins import Reading, made_from, read_from
from tests.support.models.decision_samples import another, write
from tests.support.models.registered import RegisteredHome, flip

DAYS = [date(2026, 4, 1), date(2026, 4, 2)]


@dataclass(frozen=True)
class Traced:
    home: RegisteredHome
    decision: Decision
    root: Node


def nodes(root: Node) -> Iterator[Node]:
    yield root
    for child in root.children:
        yield from nodes(child)


def of_kind(root: Node, kind: str) -> list[Node]:
    return [node for node in nodes(root) if node.kind == kind]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    home = RegisteredHome(tmp_path_factory.mktemp("traced") / "home")
    lake = Lake(home.environment.lake)
    rows = [pa.table({"id": [n], "day": pa.array([day], pa.date32())}) for n, day in enumerate(DAYS)]
    origins = {day: {"file": f"payments/{day}.csv", "sha256": "ab"} for day in DAYS}
    raw = lake.replace("loans/raw_payments", pa.concat_tables(rows), days=DAYS, metadata=read_from(origins))
    read = made_from({"loans/raw_payments": Reading(raw.version)})
    valid = lake.replace("loans/validated_payments", pa.concat_tables(rows), days=DAYS, metadata=read)
    for table, day in zip(rows, DAYS, strict=True):  # each day of the features is of a run of its own
        read = made_from({"loans/validated_payments": Reading(valid.version)})
        features = lake.replace("loans/features", table, days=[day], metadata={"run_id": f"run of {day}", **read})
    training = lake.replace(f"loans/{TRAINING_SET}", pa.table({"id": [1, 2]}), days=None)
    pins = {"version": training.version, "pins": {"loans/features": features.version}, "rows": 2}
    release = home.register(pins=pins)
    keeper = home.keeper
    home.approve("1")
    home.move(release)
    keeper.record(keeper.state("loans"))
    decision = another(
        product="loans", bundle="1", digest=release.digest, features={"amount": 900.0, "purpose": "car"},
        decided_at=datetime.now(UTC) + timedelta(seconds=1),
    )  # fmt: skip
    write(home.environment.decision_log, decision)
    return Traced(home, decision, trace(home.environment, decision.id))


def test_the_way_leads_from_the_decision_to_the_delivered_files(traced: Traced) -> None:
    tables = {node.facts["table"]: node.facts for node in of_kind(traced.root, "table")}
    assert list(tables) == ["loans/features", "loans/validated_payments", "loans/raw_payments"]
    assert tables["loans/features"]["version"] == 1
    assert tables["loans/features"]["run"] == f"run of {DAYS[1]}"
    assert tables["loans/raw_payments"]["origin of 2026-04-02"] == {"file": "payments/2026-04-02.csv", "sha256": "ab"}
    (training,) = of_kind(traced.root, "training set")
    assert (training.facts["table"], training.facts["version"]) == ("loans/training_set", 0)
    assert training.facts["rows of its files"] == 2


def test_it_names_bundle_arm_code_features_and_approver(traced: Traced) -> None:
    root = traced.root
    assert of_kind(root, "bundle")[0].facts["digest"] == traced.decision.digest
    assert of_kind(root, "rollout")[0].facts["role"] == "champion"
    assert [node.title for node in of_kind(root, "action")] == [
        "register of version 1",
        "approve of version 1",
        "promote of version 1",
    ]
    assert of_kind(root, "code")[0].facts["version"] == "0b7c"
    assert {node.title for node in of_kind(root, "feature")} == {
        "amount = 900.0",
        "purpose = car",
        "payments_count_30d",
    }
    assert [node.facts["by"] for node in of_kind(root, "answer")] == ["Ada Risk"]
    assert of_kind(root, "configuration")[0].facts["threshold"] == 0.21
    assert of_kind(root, "gates")[0].facts["verdict"] == "promote"


def test_the_page_holds_every_node_and_nothing_from_another_host(traced: Traced, tmp_path: Path) -> None:
    file = tmp_path / "trace.html"
    write_trace_page(traced.root, file)
    page = file.read_text()
    assert page == to_html(traced.root)
    for node in nodes(traced.root):
        assert node.title in page
    assert not re.search(r"<script|src=|href=|https?://", page)


def test_a_text_of_a_decision_is_not_read_as_html() -> None:
    assert "<b>" not in to_html(Node("decision", "<b>", {"row": "<b>"}, (Node("rule", "<b>"),)))


def test_a_training_set_of_another_environment_is_not_taken_for_the_one_here(traced: Traced) -> None:
    pins = of_kind(traced.root, "training set")[0].facts
    here = {"version": pins["version"], "pins": pins["pins"], "table": "another"}
    release = traced.home.register(compared_with="1", pins=here)
    decision = another(product="loans", bundle=release.version, digest=release.digest, decided_at=datetime.now(UTC))
    write(traced.home.environment.decision_log, decision)
    (training,) = of_kind(trace(traced.home.environment, decision.id), "training set")
    assert training.facts["readable"] == "it is a table of another environment, or was made again since"
    assert training.facts["pins"] == {"loans/features": 1}
    assert training.children == ()


def test_a_vacuumed_table_is_a_fact_and_an_altered_bundle_an_error(traced: Traced) -> None:
    folder = Path(traced.home.environment.lake) / "loans" / TRAINING_SET
    for file in folder.rglob("*.parquet"):
        file.unlink()
    (training,) = of_kind(trace(traced.home.environment, traced.decision.id), "training set")
    assert "training_set" in training.facts["readable"]
    flip(traced.home.published("1") / "policy.json")
    with pytest.raises(Exception, match=r"policy\.json is not the file that was signed"):
        trace(traced.home.environment, traced.decision.id)
