"""The review queue and the agreement of reviewers through their assets: as known at the end of each day, published."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.feedback.assets import decisions_asset, review_queue_asset
from assets.ingestion.assets import raw_asset
from assets.monitoring.reviews.assets import review_agreement_asset
from assets.product import Partitions
from assets.serving.queued import ReviewQueue
from assets.validation.assets import validated_asset
from resources.environments import load_environment
from resources.lake.content import ordered_hash
from resources.lake.origins import stale_days
from resources.rollout_store.store import RolloutStore
from tests.support.data.labelled_bank import START, LabelledBank, day, described, moment

QUEUE, AGREEMENT, LAST = "loans/review_queue", "loans/review_agreement", 12


@pytest.fixture
def bank(tmp_path: Path) -> LabelledBank:
    """Labels of five days, one of which is revised on the tenth."""
    environment = load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})
    made = LabelledBank(described(tmp_path / "contracts"), environment)
    labels = {6: [("A1", 0), ("A2", 1)], 10: [("A1", 1)]}
    for number in range(LAST + 2):
        times = {"event_time": moment(number, 3), "known_at": moment(number, 4)}
        rows = [{"application_id": row, "defaulted": value, **times} for row, value in labels.get(number, [])]
        made.deliver("defaults", number, rows)
    return made


def assets(bank: LabelledBank, *names: str) -> list[dg.AssetsDefinition]:
    partitions, product = Partitions("day", START), bank.product
    sources = [product.source(name) for name in ("defaults", "reviews")]
    asked = [review_queue_asset(product, partitions), review_agreement_asset(product, partitions)]
    read = [
        *(raw_asset(product, source, partitions) for source in sources),
        *(validated_asset(product, source, partitions) for source in sources), decisions_asset(product, partitions),
    ]  # fmt: skip
    made = [*read, *(one for one in asked if one is not None)]
    return [one for one in made if not names or one.key.path[-1] in names]


def queue(bank: LabelledBank, number: int) -> list[tuple[str, str, list[str]]]:
    rows: list[dict[str, Any]] = bank.lake.read(QUEUE, days=[day(number)]).to_pylist()
    return [(row["decision_id"], row["kind"], json.loads(row["reasons"])) for row in rows]


def store(bank: LabelledBank) -> RolloutStore:
    return RolloutStore.open(bank.environment.rollout, bank.environment.home / "fetched")


def published(bank: LabelledBank) -> ReviewQueue:
    data = store(bank).read_review_queue("loans")
    assert data is not None
    return ReviewQueue.from_json("loans", data)


def test_the_queue_of_a_day_is_what_was_known_at_its_end(bank: LabelledBank) -> None:
    def decided(row: str, number: int, **terms: object) -> dict[str, object]:
        return {"row_id": row, "decided_at": moment(number), "as_of": moment(number), "outcome": "review", **terms}

    accepted = {"outcome": "approve", "threshold": 0.5}
    revised, contradicted, open_case, split, near, far = bank.decide(
        decided("A1", 1, **accepted, score=0.1), decided("A2", 1), decided("A3", 3), decided("A4", 3),
        decided("A5", 12, **accepted, score=0.49), decided("A6", 12, **accepted, score=0.01),
    )  # fmt: skip
    bank.decide(decided("A6", 12, role="shadow", shadow_of=far.id, score=0.9))
    bank.review(contradicted, "approve", "Ann", moment(2))
    bank.review(split, "approve", "Ann", moment(4))
    bank.review(split, "decline", "Bo", moment(5))
    bank.make(0, LAST, *assets(bank))

    waits = (open_case.id, "referred", ["it was answered 'review', and nobody has given a word"])
    split_case = (split.id, "disputed", ["reviewers disagree: 1 for 'approve', 1 for 'decline'"])
    against = (contradicted.id, "disputed", ["the last word was 'approve', and it turned out badly"])
    changed = (revised.id, "disputed", [f"its label was revised: since {day(10)} it turned out badly"])
    assert queue(bank, 5) == [waits, split_case]
    assert queue(bank, 9) == [waits, split_case, against], "nothing is known yet of the tenth"
    assert queue(bank, 12)[:4] == [waits, split_case, against, changed]
    assert [(name, kind) for name, kind, _ in queue(bank, 12)[4:]] == [
        (near.id, "informative"),
        (far.id, "informative"),
    ]
    assert (published(bank).day, [case.decision_id for case in published(bank).cases][:2]) == (
        day(12),
        [open_case.id, split.id],
    )
    agreement = {row["day"]: row for row in bank.lake.read(AGREEMENT).to_pylist()}
    assert [agreement[day(n)]["cases"] for n in (4, 5, 11, 12)] == [0, 1, 1, 0]
    assert agreement[day(5)]["observed"] == 0.0

    before = ordered_hash(bank.lake.read(QUEUE))
    store(bank).write_review_queue("loans", b"damaged")
    bank.review(open_case, "decline", "Ann", moment(13))
    bank.review(revised, "decline", "Bo", moment(13))
    bank.make(13, 13, *assets(bank))
    assert queue(bank, 13) == [split_case, against]
    assert stale_days(bank.lake, [QUEUE, AGREEMENT]) == {QUEUE: frozenset(), AGREEMENT: frozenset()}
    bank.make(0, LAST, *assets(bank, "review_queue"))
    assert ordered_hash(bank.lake.read(QUEUE, days=[day(n) for n in range(13)])) == before
    assert published(bank).day == day(13), "an older day replaces no newer queue"
