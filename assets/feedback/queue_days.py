"""The review queue of a day made from the lake, and the newest one published for the decision service.

Belongs here: one day's queue with what was read for it, publishing. Does not belong here: the choice of the cases
(`queue.py`), reading (`queue_inputs.py`), writing the table (`assets.py`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from assets.feedback.queue import review_queue
from assets.feedback.queue_inputs import queue_inputs
from assets.product import Product
from assets.serving.queued import CaseKind, QueuedCase, QueueError, ReviewQueue
from resources.lake import Lake
from resources.lake.origins import Reading
from resources.rollout_store.store import RolloutStore


@dataclass(frozen=True, eq=False)
class MadeQueue:
    """The queue of a day.

    Attributes:
        rows: A table of QUEUE_SCHEMA.
        left_out: By kind, the cases for which the reviewers have no time.
        readings: By table its version, and how many days before the day were read.
    """

    rows: pa.Table
    left_out: Mapping[CaseKind, int]
    readings: Mapping[str, Reading]


def made_queue(product: Product, lake: Lake, log: Path, day: date) -> MadeQueue:
    """The queue of a day; raises what `queue_inputs` does."""
    inputs = queue_inputs(product, lake, log, day)
    rows, left_out = review_queue(inputs.known, day, decision=product.decision, review=product.reviewing)
    return MadeQueue(rows, left_out, inputs.readings)


def publish_queue(rollout: RolloutStore, product: str, day: date, rows: pa.Table) -> bool:
    """Publishes the queue of a day, unless that of a later one is published; returns whether it did.

    Raises:
        RolloutUnavailable: The store cannot be reached.
    """
    published = _published_day(rollout, product)
    if published is not None and published > day:
        return False
    cases = tuple(
        QueuedCase(
            decision_id=row["decision_id"], kind=row["kind"], reasons=tuple(json.loads(row["reasons"])),
            decided_at=row["decided_at"].isoformat(), bundle=row["bundle"], outcome=row["outcome"],
            score=row["score"], words=row["words"],
        )
        for row in rows.to_pylist()
    )  # fmt: skip
    rollout.write_review_queue(product, ReviewQueue(product, day, cases).to_json())
    return True


def _published_day(rollout: RolloutStore, product: str) -> date | None:
    """The day of the published queue; `None` where there is none, or a damaged one, which is replaced."""
    data = rollout.read_review_queue(product)
    try:
        return None if data is None else ReviewQueue.from_json(product, data).day
    except QueueError:
        return None
