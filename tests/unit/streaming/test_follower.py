"""A stream followed into a real store: the lake's rules, once each, from where the load ends."""

import json
import logging
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.product import Product, StreamTopic
from assets.product.contracts.contract import ContractError
from assets.streaming.events import accepted
from assets.streaming.follower import Follower, Step
from pipelines.credit_risk.product import PRODUCT
from resources.lake import Lake, LakeError
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.lmdb.store import LmdbStore
from resources.online_store.protocol import StoreUnavailable
from resources.sources.streams.tails import FileTail, Message
from tests.support.data.stream_messages import HOUR, KEY, NEEDS, NOW, UNTIL, messages, repayment
from tests.support.stores import fetch


class Home:
    """A loaded store and a stream file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = LmdbStore(folder / "online" / "credit_risk")
        self.now = NOW

    def load(self, *rows: dict[str, Any], version: str = "1", until: datetime = UNTIL) -> None:
        table = pa.table(
            {
                "event_time": pa.array([datetime.fromisoformat(r["event_time"]) for r in rows], TIMESTAMP),
                "known_at": pa.array([datetime.fromisoformat(r["known_at"]) for r in rows], TIMESTAMP),
                "customer_id": pa.array([r["customer_id"] for r in rows], pa.string()),
                "days_past_due": pa.array([r["days_past_due"] for r in rows], pa.int64()),
            }
        )
        self.store.put_events("repayments", "customer_id", table, version=version, watermark=until)
        self.store.publish(version)

    def say(self, *lines: dict[str, Any] | str) -> None:
        with (self.folder / "repayments.jsonl").open("a") as file:
            file.writelines(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)

    def follower(self, product: Product = PRODUCT) -> Follower:
        source = product.source("repayments")
        assert isinstance(source, StreamTopic)
        return Follower(
            product, source, FileTail("repayments", self.folder, source.topic, source.arrival_field), store=self.store,
            lake=Lake(str(self.folder / "lake")), key=KEY, now=lambda: self.now,
        )  # fmt: skip

    @property
    def late(self) -> list[int]:
        return sorted(fetch(self.store, "repayments", "customer_id", "C1")["days_past_due"].to_pylist())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The lake has the day before; the stream has that day too, and two messages of today."""
    home = Home(tmp_path)
    before = [repayment(1, UNTIL - HOUR)]
    home.load(*before)
    home.say(*before, repayment(2, UNTIL + HOUR), repayment(3, UNTIL + 2 * HOUR))
    return home


def test_what_came_since_the_load_is_added_and_known_until_now(home: Home) -> None:
    """Loaded events are not read again; at the end of the stream the store knows its events until now."""
    assert home.follower().step() == Step(read=2, added=2)
    assert home.late == [1, 2, 3]
    assert home.store.watermarks() == {"repayments": NOW}
    home.say(repayment(4, NOW))
    home.now = NOW + HOUR
    assert home.follower().step() == Step(read=1, added=1)
    assert home.store.watermarks() == {"repayments": NOW + HOUR}


def test_an_event_counts_once_however_it_comes(home: Home) -> None:
    """Sent twice, posted to the service under its name, and loaded from the lake at last."""
    follower = home.follower()
    row = {"event_time": UNTIL + HOUR, "known_at": UNTIL + HOUR, "customer_id": "C1", "days_past_due": 2}
    home.store.append_event("repayments", row, event_id='["e2", "2026-03-01"]')
    home.say(repayment(3, UNTIL + 2 * HOUR))
    assert follower.step() == Step(read=3, added=1, quarantined=1)
    home.say(repayment(2, UNTIL + HOUR))
    assert follower.step() == Step(read=1, added=0)
    assert home.late == [1, 2, 3]
    today = [repayment(1, UNTIL - HOUR), repayment(2, UNTIL + HOUR), repayment(3, UNTIL + 2 * HOUR)]
    home.load(*today, version="2", until=UNTIL + timedelta(days=1))
    assert home.late == [1, 2, 3]
    assert follower.step() == Step()


def test_each_revision_of_a_corrected_record_is_an_event(home: Home) -> None:
    """A correction is not mistaken for the event sent twice; the event sent twice still counts once."""
    contract = replace(PRODUCT.contract("repayments"), corrections=True)
    first, second = repayment(9, UNTIL + HOUR, event_id="e4"), repayment(5, UNTIL + HOUR, event_id="e4")
    second["known_at"] = (UNTIL + 2 * HOUR).isoformat()
    found = accepted(PRODUCT, contract, NEEDS, messages(first, second), key=KEY, consents=None).events
    given = [home.store.append_event("repayments", event.row, event.event_id) for event in (*found, *found)]
    assert given == [True, True, False, False]
    assert home.late == [1, 5, 9]


def _asking(folder: Path, source: str) -> Product:
    """The product, whose repayments ask for consents of a source."""
    contracts = Path(shutil.copytree(PRODUCT.contracts, folder / "contracts"))
    file = contracts / "repayments.yaml"
    asked = f"consent: {{source: {source}, subject: customer_id, purpose: credit_decision}}\n"
    file.write_text(asked + file.read_text())
    return replace(PRODUCT, contracts=contracts)


def test_a_stream_that_needs_consent_passes_nothing_without_consents(home: Home, tmp_path: Path) -> None:
    """The position stays, so that the events are read once consents are known; an empty table withholds all."""
    follower = home.follower(_asking(tmp_path, "consents"))
    with pytest.raises(LakeError, match="table credit_risk/validated_consents does not exist .*; materialise"):
        follower.step()
    assert home.late == [1]
    kinds = {"customer_id": pa.string(), "purpose": pa.string(), "granted": pa.bool_(), "known_at": TIMESTAMP}
    table = pa.table({**{name: pa.array([], kind) for name, kind in kinds.items()}, "day": pa.array([], pa.date32())})
    Lake(str(home.folder / "lake")).replace("credit_risk/validated_consents", table, days=[UNTIL.date()])
    assert follower.step() == Step(read=2, added=0, withheld=2)


def test_a_stream_whose_consents_are_no_source_does_not_start(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="repayments.yaml: its consents are of 'agreements', which is no source"):
        home.follower(_asking(tmp_path, "agreements"))


def test_what_the_lake_keeps_as_two_rows_is_two_events(home: Home) -> None:
    """A key that is repeated on another day, and keys of two columns whose joined texts are equal."""
    home.now = UNTIL + timedelta(days=1, hours=6)
    home.say(repayment(4, UNTIL + timedelta(days=1), event_id="e3"))
    assert home.follower().step() == Step(read=3, added=3)
    assert home.late == [1, 2, 3, 4]
    contract = replace(PRODUCT.contract("repayments"), key=("application_id", "event_id"))
    rows = [
        repayment(5, UNTIL + HOUR, application_id="A:1", event_id="2"),
        repayment(6, UNTIL + HOUR, application_id="A", event_id="1:2"),
    ]
    found = accepted(PRODUCT, contract, NEEDS, messages(*rows), key=KEY, consents=None)
    assert [event.event_id for event in found.events] == ['["A:1", "2", "2026-03-01"]', '["A", "1:2", "2026-03-01"]']


def test_messages_that_break_the_contract_are_left_out(home: Home) -> None:
    """The lake would quarantine them, for the same reasons; the others count."""
    home.say(
        "{broken",
        "[1]",
        repayment(4, UNTIL + HOUR, kind="stolen"),
        repayment(5, UNTIL + HOUR, days_past_due="many"),
        {k: v for k, v in repayment(6, UNTIL + HOUR).items() if k != "customer_id"},
        repayment(7, UNTIL + HOUR, surprise=1),
    )
    assert home.follower().step() == Step(read=8, added=3, quarantined=5)
    assert home.late == [1, 2, 3, 7]


def with_text(number: int, text: str, **change: object) -> str:
    """A repayment's line with some JSON in place of the value "" of a change."""
    return json.dumps(repayment(number, UNTIL + HOUR, **change)).replace('""', text)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(with_text(4, "[" * 5_000 + "]" * 5_000, x=""), id="nested deeply"),
        pytest.param(with_text(4, '"\\ud800"', application_id=""), id="half a surrogate pair"),
        pytest.param(with_text(4, "9" * 5_000, days_past_due=""), id="a number of 5000 digits"),
        pytest.param(with_text(4, '"0001-01-01T00:00:00+05:00"', known_at=""), id="it arrived before the year 1"),
        pytest.param(with_text(4, '"9999-12-31T23:00:00-05:00"', known_at=""), id="it arrived after 9999"),
        pytest.param(with_text(4, "17", known_at=""), id="it arrived at a number"),
    ],
)
def test_a_message_that_cannot_be_read_is_quarantined(home: Home, line: str) -> None:
    """It neither ends the follower nor blocks the messages after it."""
    home.say(line, repayment(5, UNTIL + HOUR))
    assert home.follower().step() == Step(read=4, added=3, quarantined=1)
    assert home.late == [1, 2, 3, 5]
    assert home.store.watermarks() == {"repayments": NOW}
    found = accepted(PRODUCT, PRODUCT.contract("repayments"), NEEDS, [Message(line, NOW)], key=KEY, consents=None)
    assert (found.events, found.quarantined) == ((), 1), "where the broker says when it arrived"


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="empty"),
        pytest.param("C" * 300, id="too long"),
        pytest.param("C\u00a01", id="not printable"),
    ],
)
def test_an_event_of_an_entity_that_no_store_keeps_does_not_stop_the_others(home: Home, key: str) -> None:
    """By a rule of the contract or of the store; the event is counted either way."""
    home.say(repayment(4, UNTIL + HOUR, customer_id=key), repayment(5, UNTIL + HOUR))
    done = home.follower().step()
    assert (done.read, done.added, done.quarantined + done.left_out) == (4, 3, 1)
    assert home.late == [1, 2, 3, 5]
    assert home.store.watermarks() == {"repayments": NOW}


def test_an_event_that_the_store_cannot_take_is_left_out_and_logged(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has its place in the stream and the reason, once and without the value; the other events count."""
    follower = home.follower()
    place = (home.folder / "repayments.jsonl").stat().st_size
    home.say(repayment(-(2**63), UNTIL + HOUR, event_id="e4"), repayment(5, UNTIL + HOUR))
    follower._contract = replace(follower._contract, expectations=())
    with caplog.at_level(logging.WARNING, "loopline.stream"):
        assert follower.step() == Step(read=4, added=3, left_out=1)
        assert follower.step() == Step()
    assert home.late == [1, 2, 3, 5]
    reason = "column 'days_past_due' holds an integer; the online store keeps no such int64"
    assert caplog.messages == [f"credit_risk/repayments: the event at 0:{place} is left out: {reason}"]


def test_a_store_that_was_lost_is_filled_again_from_where_its_load_ends(home: Home) -> None:
    """The offsets were lost with the store, so the stream is read again."""
    follower = home.follower()
    follower.step()
    shutil.rmtree(home.folder / "online")
    home.load(repayment(1, UNTIL - HOUR), version="again", until=UNTIL - timedelta(days=1))
    assert home.late == []
    assert follower.step() == Step(read=3, added=3)
    assert home.late == [1, 2, 3]


def test_a_stream_that_was_replaced_is_read_again(home: Home) -> None:
    """The stored offsets no longer fit; events that the store has count once."""
    follower = home.follower()
    follower.step()
    (home.folder / "repayments.jsonl").write_text(json.dumps(repayment(3, UNTIL + 2 * HOUR)) + "\n")
    home.say(repayment(9, UNTIL + 3 * HOUR))
    state = home.store.state()
    assert state is not None
    home.store.append_stream("repayments", [], replace(_position(home), offsets={"0": 10**6}), token=state.token)
    assert follower.step() == Step(read=2, added=1)
    assert home.late == [1, 2, 3, 9]


def test_a_stream_that_was_replaced_by_a_longer_one_is_read_again(home: Home) -> None:
    """Its size does not show that it was replaced; the text before the offset does."""
    follower = home.follower()
    follower.step()
    (home.folder / "repayments.jsonl").write_text("")
    home.say(*(repayment(number, UNTIL + HOUR) for number in range(4, 14)))
    assert follower.step() == Step(read=10, added=10)
    assert home.late == list(range(1, 14))


def _position(home: Home) -> Any:
    position = home.store.position("repayments")
    assert position is not None
    return position


def test_without_a_load_nothing_is_read(tmp_path: Path) -> None:
    """There is no load to append to; the follower waits."""
    assert Home(tmp_path).follower().step() == Step(is_loaded=False)


def test_a_load_that_is_published_during_a_step_loses_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new load ends earlier, so the stream is read from there; nothing that the step read is appended."""
    follower = home.follower()
    follower.step()
    home.say(repayment(4, UNTIL + 3 * HOUR))
    read = FileTail.read

    def slowly(tail: FileTail, offsets: Any, most: int) -> Any:
        batch = read(tail, offsets, most)
        if home.store.version() == "1":
            home.load(repayment(0, UNTIL - 25 * HOUR), version="2", until=UNTIL - timedelta(days=1))
        return batch

    monkeypatch.setattr(FileTail, "read", slowly)
    assert follower.step() == Step()
    assert home.late == [0, 2, 3]
    assert follower.step() == Step(read=4, added=2)
    assert home.late == [0, 1, 2, 3, 4]
    assert home.store.watermarks() == {"repayments": NOW}


def test_a_store_that_fails_loses_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The position is written with the events or not at all."""
    follower = home.follower()

    def fail(*_: object, **__: object) -> int:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(home.store, "append_stream", fail)
        with pytest.raises(StoreUnavailable):
            follower.step()
    assert follower.step().added == 2
