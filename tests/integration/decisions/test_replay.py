"""Decisions of the real service, made again from its log and the lake: zero differences, and those that are planted."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.serving.log.decision_log import days, erase
from pipelines.operations.decisions.replay import NothingToReplay, ReplayReport, replay_day, replay_decision
from resources.lake import Lake
from resources.online_store.opening import open_store
from tests.support.models.serving_samples import NOW, PRODUCT, REQUEST, sample_parts, transactions
from tests.support.servers.serving_process import Service, Workspace

pytestmark = pytest.mark.slow
TABLE = f"{PRODUCT}/validated_transactions"
LATER = NOW + timedelta(days=1)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A store and a lake with the same events."""
    workspace = Workspace(tmp_path_factory.mktemp("replay"))
    write(workspace, transactions(events_each=200))
    return workspace


@pytest.fixture(scope="module")
def service(workspace: Workspace) -> Iterator[Service]:
    with Service(workspace) as running:
        workspace.roll_out(workspace.publish(sample_parts("1")))
        running.wait_until_ready()
        yield running


def write(workspace: Workspace, events: pa.Table) -> None:
    """The lake's valid rows, a partition a day of `known_at`."""
    day = events["known_at"].cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    first, last = pc.min(day).as_py(), pc.max(day).as_py()
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    Lake(workspace.environment.lake).replace(TABLE, events.append_column("day", day), days=every)


def load(workspace: Workspace, events: pa.Table, version: str) -> None:
    """Another version of the store; the service goes on in it."""
    store = open_store(workspace.environment.online_store, PRODUCT)
    store.put_events("transactions", "customer_id", events, version=version, watermark=NOW)
    store.publish(version)
    store.close()


def decide(service: Service, customer: str, as_of: datetime = NOW) -> str:
    """The id of a decision on the customer."""
    request = REQUEST | {"customer_id": customer, "as_of": as_of.isoformat()}
    status, answer = service.post("/decide", {"product": PRODUCT, "request": request})
    assert (status, answer["fallback"]) == (200, None)
    return str(answer["decision_id"])


def post(service: Service, customer: str, at: datetime) -> dict[str, object]:
    event = {"customer_id": customer, "amount": 12.34, "direction": "debit", "category": "travel",
             "event_time": at.isoformat(), "known_at": at.isoformat()}  # fmt: skip
    status, answer = service.post("/events", {"product": PRODUCT, "source": "transactions", "event": event})
    assert (status, answer["added"]) == (200, True)
    return event


def replayed(workspace: Workspace, decision: str) -> ReplayReport:
    return replay_decision(workspace.environment, PRODUCT, decision, print)


def test_the_answers_of_a_day_replay_with_zero_differences(service: Service, workspace: Workspace) -> None:
    """Every customer, a customer without events, and moments in the past: log and lake give the same bits."""
    for number in range(55):
        decide(service, f"C{number}", NOW - timedelta(hours=number))
    today = days(workspace.environment.decision_log, PRODUCT)[-1]
    said: list[str] = []
    report = replay_day(workspace.environment, PRODUCT, today, said.append)
    assert re.fullmatch(r"[\d,]+ events of 55 decisions read from the lake, [\d.]+ s", said[0])
    assert re.fullmatch(r"55 decisions of version 1 recomputed, [\d.]+ s", said[-1])
    assert (len(report.decisions), len(report.of("identical")), report.same) == (55, 55, True)
    assert report.to_dict()["by_feature"] == {}
    assert report.versions == {"validated_transactions": 0}


def test_a_posted_event_that_the_lake_has_no_day_of_yet_is_said_to_be_waited_for(
    service: Service, workspace: Workspace
) -> None:
    """Not a difference, since with it the lake gives the logged features; once the lake has it there is nothing."""
    posted = post(service, "C3", LATER)
    decision = decide(service, "C3", LATER)
    (found,) = replayed(workspace, decision).of("waiting")
    assert "transactions_30d" in {difference.name for difference in found.parity.differences}
    (gap,) = found.parity.gaps
    assert (gap.source, gap.key, gap.event_time, gap.held_by, gap.waiting) == (
        "transactions",
        "C3",
        LATER,
        "store",
        True,
    )
    assert "not in the lake yet" in gap.why

    arrived = {**posted, "event_time": LATER, "known_at": LATER}
    events = transactions(events_each=200)
    write(workspace, pa.concat_tables([events, pa.Table.from_pylist([arrived], schema=events.schema)]))
    assert len(replayed(workspace, decision).of("identical")) == 1


def test_a_posted_event_that_the_lakes_own_day_lacks_is_a_difference(service: Service, workspace: Workspace) -> None:
    """The lake has that day and not the event: it was quarantined, or nobody sent it that way."""
    events = transactions(events_each=200)
    other = {**events.slice(0, 1).to_pylist()[0], "customer_id": "C49", "event_time": LATER, "known_at": LATER}
    write(workspace, pa.concat_tables([events, pa.Table.from_pylist([other], schema=events.schema)]))
    post(service, "C5", LATER)
    report = replayed(workspace, decide(service, "C5", LATER))
    (found,) = report.of("different")
    assert not report.same
    (gap,) = found.parity.gaps
    assert (gap.key, gap.held_by, gap.waiting) == ("C5", "store", False)
    assert "the lake has that day without it" in gap.why


def test_one_event_that_the_store_lacks_is_found_and_named(service: Service, workspace: Workspace) -> None:
    """Removed from the store alone: its features differ, and the event is named."""
    events = transactions(events_each=200)
    recent = pc.greater(events["event_time"], pa.scalar(NOW - timedelta(days=20), events["event_time"].type))
    of_customer = pc.and_(
        recent, pc.and_(pc.equal(events["customer_id"], "C7"), pc.equal(events["direction"], "debit"))
    )
    gone = pc.indices_nonzero(of_customer)[0].as_py()
    kept = [number for number in range(events.num_rows) if number != gone]
    load(workspace, events.take(pa.array(kept)), "v2")
    report = replayed(workspace, decide(service, "C7"))
    (found,) = report.of("different")
    assert {"transactions_30d", "spent_30d", "mean_spent_90d"} <= set(report.by_feature())
    (gap,) = found.parity.gaps
    assert (gap.source, gap.key, gap.event_time, gap.held_by) == (
        "transactions", "C7", events["event_time"][gone].as_py(), "lake",
    )  # fmt: skip
    (_, count) = report.by_feature()["transactions_30d"][0]
    assert count.computed == count.recorded + 1
    assert replayed(workspace, decide(service, "C8")).same

    load(workspace, events, "v3")
    (again,) = replayed(workspace, found.decision_id).of("different")
    assert again.parity.differences == found.parity.differences
    assert "version v2 of the online store decided; version v3 is live" in again.parity.remark


def test_what_cannot_be_replayed_is_said(service: Service, workspace: Workspace, tmp_path: Path) -> None:
    """An erased subject's decisions are counted apart; a day without decisions is no success."""
    decision = decide(service, "C9")
    erase(workspace.environment.decision_log, PRODUCT, "customer_id", "C9")
    report = replayed(workspace, decision)
    assert (len(report.of("erased")), report.same) == (1, True)
    with pytest.raises(NothingToReplay, match="has no decision on 2020-01-01"):
        replay_day(workspace.environment, PRODUCT, datetime(2020, 1, 1, tzinfo=UTC).date(), print)
    with pytest.raises(NothingToReplay, match="belongs to loans"):
        replay_decision(workspace.environment, "other", decision, print)
