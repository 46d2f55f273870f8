"""The loop closes on what was answered: two bundles decide, outcomes are posted, and each is judged by its own."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
import yaml

from assets.bundle.bundle import BundleParts
from assets.bundle.profile import build_profile
from assets.feedback.assets import decisions_asset, outcomes_asset, review_queue_asset
from assets.ingestion.assets import raw_asset
from assets.monitoring.performance.assets import performance_asset
from assets.product import (
    DecisionPolicy,
    Files,
    GatePolicy,
    Label,
    ModelSpec,
    MonitoringPolicy,
    Partitions,
    PostedOutcomes,
    PostedReviews,
    Product,
    Profit,
    Spine,
)
from assets.training.contract import contract_of
from assets.validation.assets import validated_asset
from pipelines.connections import connections
from resources.lake import Lake
from resources.lake.content import ordered_hash
from resources.rollout_store.manifest import Challenger, Release
from tests.support.models.serving_samples import FEATURES, PRODUCT, REQUEST, sample_features, sample_parts
from tests.support.servers.serving_process import Service, Workspace

pytestmark = pytest.mark.slow

REQUESTS = 40
_TIMES = {name: {"type": "timestamp"} for name in ("event_time", "known_at")}
_CONTRACTS: dict[str, dict[str, Any]] = {
    "applications": {
        "key": "application_id",
        "columns": {
            "application_id": {"type": "string"}, "customer_id": {"type": "string"}, "purpose": {"type": "string"},
            "amount": {"type": "number", "unit": "EUR"}, "income_monthly": {"type": "number", "unit": "EUR"},
        },
    },
    "transactions": {
        "key": "transaction_id",
        "columns": {
            "transaction_id": {"type": "string"}, "customer_id": {"type": "string"}, "direction": {"type": "string"},
            "category": {"type": "string"}, "amount": {"type": "number", "unit": "EUR", "resolution": 0.01},
        },
    },
    "loan_outcomes": {
        "key": "outcome_id", "corrections": True,
        "columns": {
            "outcome_id": {"type": "string"}, "application_id": {"type": "string"}, "defaulted": {"type": "integer"},
            "collector": {"type": "string", "personal": "token", "required": False},
        },
    },
    "reviews": {
        "key": "decision_id",
        "columns": {name: {"type": "string"} for name in ("decision_id", "outcome", "by", "reason")},
    },
}  # fmt: skip


class Tomorrow:
    """A clock at which today is over."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=1)


@dataclass(frozen=True)
class Loop:
    """The product over the home of a running service."""

    product: Product
    workspace: Workspace
    service: Service

    @property
    def lake(self) -> Lake:
        return Lake(self.workspace.environment.lake)

    def post(self, path: str, **body: object) -> tuple[int, dict[str, Any]]:
        return self.service.post(path, body)

    def make(self, days: tuple[date, date]) -> None:
        """Materialises what follows from the answers and from the posts of a range of days; today is one of them."""
        partitions = Partitions("day", days[0])
        # As the schedule of tomorrow sees it: then today is over.
        tomorrow = dg.DailyPartitionsDefinition(days[0].isoformat(), end_offset=2)
        assets: Sequence[dg.AssetsDefinition | None] = [
            *(raw_asset(self.product, source, partitions) for source in self.product.posted),
            *(validated_asset(self.product, source, partitions) for source in self.product.posted),
            decisions_asset(self.product, partitions), outcomes_asset(self.product, partitions),
            performance_asset(self.product, partitions), review_queue_asset(self.product, partitions),
        ]  # fmt: skip
        made = [
            one.map_asset_specs(lambda spec: spec.replace_attributes(partitions_def=tomorrow))
            for one in assets if one is not None
        ]  # fmt: skip
        known: Mapping[str, Any] = connections(self.product, self.workspace.environment)
        tags = {
            "dagster/asset_partition_range_start": str(days[0]),
            "dagster/asset_partition_range_end": str(days[1]),
        }
        assert dg.materialize(made, resources={**known, "clock": Tomorrow()}, tags=tags).success

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.lake.read(f"{PRODUCT}/{table}").to_pylist()

    def hashes(self) -> dict[str, str]:
        return {name: ordered_hash(self.lake.read(f"{PRODUCT}/{name}")) for name in ("decisions", "outcomes")}

    def until(self, condition: Callable[[Mapping[str, Any]], bool]) -> None:
        """Waits until the service follows the rollout."""
        for _ in range(300):
            products = json.loads(self.service.get("/products")[1])["products"]
            if products and condition(products[0]):
                return
            threading.Event().wait(0.05)
        raise AssertionError("the service does not follow")


def described(folder: Path) -> Product:
    """The product of the sample bundles, whose outcomes are posted."""
    for name, terms in _CONTRACTS.items():
        columns = {column: {"description": column, **of} for column, of in {**terms["columns"], **_TIMES}.items()}
        contract = {
            "source": name, "description": name, "owner": "a@b.example", "key": [terms["key"]],
            "event_time": "event_time", "known_at": "known_at", "max_quarantined": 0.1, "columns": columns,
            "corrections": terms.get("corrections", False), "expectations": [],
        }  # fmt: skip
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(contract))
    product = Product(
        name=PRODUCT, title="Loans", question="Will it default?", owner="a@b.example", impact="standard",
        start=date(2026, 1, 1), contracts=folder,
        sources=(
            Files("applications", "applications/{day}.csv"), Files("transactions", "transactions/{day}.csv"),
            PostedOutcomes("loan_outcomes", row_id="application_id", value="defaulted"), PostedReviews("reviews"),
        ),
        spine=Spine("applications", "application_id"),
        label=Label("loan_outcomes", "application_id", "defaulted", kind="outcome", meaning="it defaulted"),
        features=FEATURES, model=ModelSpec(train_days=None, test_days=10),
        decision=DecisionPolicy("approve", "decline", Profit(good=0.1, bad=0.6, stake="amount")),
        gates=GatePolicy(min_auc=0.6), monitoring=MonitoringPolicy(window_days=7, min_rows=5),
    )  # fmt: skip
    product.check()
    return product


def bundle(product: Product, version: str) -> BundleParts:
    """A bundle of the product, with its contracts and a profile of its approval."""
    table = sample_features(300)
    profile = build_profile(
        table, np.random.default_rng(1).beta(2, 6, 300), FEATURES.numeric, FEATURES.categories, positive_rate=0.3,
        auc=0.7 + int(version) / 100,
    )  # fmt: skip
    parts = sample_parts(version, seed=int(version))
    policy = replace(parts.policy, refer="review", refer_threshold=0.7 * parts.policy.threshold)
    return replace(parts, contract=contract_of(product), reference=profile.to_dict(), policy=policy)


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[tuple[Loop, Release, Release]]:
    """The service with two bundles, of which each decides for half of the customers."""
    (tmp_path / "contracts").mkdir()
    product = described(tmp_path / "contracts")
    workspace = Workspace(tmp_path / "home", events_each=20)
    first, second = (workspace.publish(bundle(product, version)) for version in ("1", "2"))
    trial = (Challenger(release=second, share=0.5),)
    workspace.roll_out(first, challengers=trial, rollout="r-1", stage="canary")
    with Service(workspace) as running:
        running.wait_until_ready()
        yield Loop(product, workspace, running), first, second


def test_who_decided_is_judged_by_what_was_posted(loop: tuple[Loop, Release, Release]) -> None:
    bank, first, second = loop
    answers = [
        bank.post(
            "/decide", product=PRODUCT,
            request=REQUEST | {"application_id": f"A{n}", "customer_id": f"C{n % 50}", "amount": 1000 + 300 * n},
        )[1]
        for n in range(REQUESTS)
    ]  # fmt: skip
    by_version = {version: [a for a in answers if a["bundle"] == version] for version in ("1", "2")}
    assert min(map(len, by_version.values())) > REQUESTS // 4
    assert {(a["role"], a["share"], a["rollout"]) for a in answers} == {
        ("champion", 0.5, "r-1"),
        ("challenger", 0.5, "r-1"),
    }

    # Every row of the first bundle turned out well, every other one of the second's badly.
    bad = {a["row_id"] for a in by_version["2"][::2]}
    posts = [
        {"product": PRODUCT, "outcome_id": f"O{a['row_id']}", "row_id": a["row_id"], "value": int(a["row_id"] in bad),
         "event_time": a["decided_at"], "collector": "Mr. Grey"}
        for a in answers[:-1]
    ]  # fmt: skip
    taken = [bank.post("/outcomes", **body) for body in posts]
    assert {status for status, _ in taken} == {200}
    assert [bank.post("/outcomes", **body) for body in posts[:5]] == taken[:5], "sent twice, it counts once"

    # A person has the last word on what was referred.
    referred = [a for a in answers if a["outcome"] == "review"]
    words = {a["row_id"]: ("approve", "decline")[n % 2] for n, a in enumerate(referred)}
    for answer in referred:
        body = {"outcome": words[answer["row_id"]], "by": "K. Lee", "reason": "seen"}
        assert bank.post("/reviews", decision_id=answer["decision_id"], **body)[0] == 200

    days = tuple(datetime.fromisoformat(answers[at]["decided_at"]).date() for at in (0, -1))
    span = (days[0], datetime.now(UTC).date())
    bank.make(span)
    assert len(bank.rows("raw_loan_outcomes")) == len(posts)
    assert {row["collector"][:4] for row in bank.rows("validated_loan_outcomes")} == {"tok:"}
    outcomes = {row["row_id"]: row for row in bank.rows("outcomes")}
    assert {row: found["bundle"] for row, found in outcomes.items()} == {a["row_id"]: a["bundle"] for a in answers}
    assert {row for row, found in outcomes.items() if found["label"] == 1} == bad - {answers[-1]["row_id"]}
    assert outcomes[answers[-1]["row_id"]]["label"] is None
    assert len(referred) >= 2
    assert {row: found["final"] for row, found in outcomes.items() if found["reviewed_by"] == "K. Lee"} == words
    assert {found["propensity"] for found in outcomes.values()} == {0.5}
    assert len({found["entity"] for found in outcomes.values()}) == len(answers)
    figures = {(row["bundle"], row["role"]): row for row in bank.rows("performance") if row["day"] == span[1]}
    assert figures["1", "champion"]["positives"] == 0
    accepted = sum(found["final"] == "approve" for found in outcomes.values())
    assert accepted > sum(found["outcome"] == "approve" for found in outcomes.values())
    told = sum(figures[version, "all"]["acceptance"] * figures[version, "all"]["rows"] for version in ("1", "2"))
    assert told == pytest.approx(accepted)
    assert figures["2", "challenger"]["positives"] == len(bad - {answers[-1]["row_id"]})
    assert [figures[version, "all"]["rows"] for version in ("1", "2")] == [len(by_version[v]) for v in ("1", "2")]
    assert sum(figures[version, "all"]["unlabelled"] for version in ("1", "2")) == 1

    # The queue asks about decisions that were made; a word on one of these is a second opinion.
    (asked,) = json.loads(bank.service.get("/reviews")[1])["products"]
    assert {one["kind"] for one in asked["cases"]} == {"informative"}
    case = asked["cases"][0]
    assert case["outcome"] in ("approve", "decline")
    other = "decline" if case["outcome"] == "approve" else "approve"
    body = {"decision_id": case["decision_id"], "outcome": other, "by": "A. Roy", "reason": "seen"}
    assert bank.post("/reviews", **body)[0] == 200

    # One outcome is corrected; then the challenger becomes champion, and the past is made again.
    fixed = posts[answers.index(by_version["1"][0])]
    status, revised = bank.post("/outcomes", **{**fixed, "value": 1})
    assert (status, revised["revision"]) == (200, 1)
    span = (span[0], datetime.now(UTC).date())
    bank.make(span)
    figures = {(row["bundle"], row["role"]): row for row in bank.rows("performance") if row["day"] == span[1]}
    assert figures["1", "champion"]["positives"] == 1
    (opinion,) = (row for row in bank.rows("outcomes") if row["decision_id"] == case["decision_id"])
    assert (opinion["final"], opinion["reviewed_by"]) == (case["outcome"], None)
    before, made = bank.hashes(), bank.rows("performance")
    bank.workspace.roll_out(second, challengers=(), rollout="", stage="champion", former=(first,))
    bank.until(lambda told: told["champion"]["version"] == "2")
    bank.make(span)
    assert bank.hashes() == before, "who decided then is who decided then"
    assert bank.rows("performance") == made
