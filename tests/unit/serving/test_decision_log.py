"""Decisions on disk."""

import json
import os
import resource
import signal
import threading
import time
from concurrent.futures import wait
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from assets.serving.decision import Decision, NoDecision, Reason, day_of, new_id
from assets.serving.decision_log import days, erase, find_decision, read_day, scan_day
from assets.serving.log_writer import DecisionLog, DecisionLogError

NOW = datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC)
DAY = date(2026, 3, 1)
FIRST = Decision(
    id=new_id(NOW),
    product="credit_risk",
    bundle="3",
    digest="ab" * 32,
    row_id=17,
    keys={"customer_id": "C1"},
    as_of=NOW - timedelta(seconds=1),
    decided_at=NOW,
    score=0.1 + 0.2,
    outcome="decline",
    threshold=0.25,
    reasons=(Reason("amount", "The amount is high for the income", 1 / 3),),
    inputs={"amount": 1e-300, "purpose": None},
    features={"amount": 1e-300, "spend": float("1.7976931348623157e308"), "purpose": None},
    store_version="v7",
)


def another(**changes: object) -> Decision:
    decided_at = changes.get("decided_at", NOW)
    return replace(FIRST, id=new_id(decided_at), **changes)  # type: ignore[arg-type]


def write(folder: Path, *decisions: Decision) -> None:
    log = DecisionLog(folder)
    for decision in decisions:
        log.append(decision).result(5)
    log.close()


def test_a_decision_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    assert find_decision(tmp_path, FIRST.id) == FIRST


def test_an_id_tells_its_day_and_is_never_given_twice() -> None:
    ids = {new_id(NOW) for _ in range(1000)}
    assert len(ids) == 1000
    assert {day_of(made) for made in ids} == {DAY}
    assert new_id(NOW) < new_id(NOW + timedelta(milliseconds=1))


@pytest.mark.parametrize("text", ["", "x", "../../etc/passwd", "019CABD8-37FF-79E6-81CF-6054438AFF3A0", "0" * 36])
def test_what_is_no_id_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(NoDecision, match="is not a decision id"):
        find_decision(tmp_path, text)


def test_an_unknown_decision_is_said_to_be_unknown(tmp_path: Path) -> None:
    with pytest.raises(NoDecision, match="its id dates it to 2026-03-01"):
        find_decision(tmp_path, new_id(NOW))


def test_a_day_is_a_table_without_shadows(tmp_path: Path) -> None:
    shadow = another(role="shadow", shadow_of=FIRST.id, score=0.9)
    tomorrow = another(decided_at=NOW + timedelta(microseconds=1))
    write(tmp_path, FIRST, shadow, tomorrow, another(product="card_fraud"))
    table = read_day(tmp_path, "credit_risk", DAY)
    (row,) = table.to_pylist()
    assert (row["decision_id"], row["row_id"], row["score"]) == (FIRST.id, "17", FIRST.score)
    assert row["as_of"] == FIRST.as_of
    assert json.loads(row["features"]) == FIRST.features
    assert json.loads(row["keys"]) == {"customer_id": "C1"}
    assert read_day(tmp_path, "credit_risk", DAY, shadow=True)["shadow_of"].to_pylist() == [FIRST.id]
    assert days(tmp_path, "credit_risk") == (DAY, date(2026, 3, 2))


def test_a_day_without_decisions_is_an_empty_table_of_the_same_columns(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    empty = read_day(tmp_path, "credit_risk", date(2025, 1, 1))
    assert empty.num_rows == 0
    assert empty.schema == read_day(tmp_path, "credit_risk", DAY).schema
    assert days(tmp_path, "card_fraud") == ()


def test_many_writers_of_one_process_lose_nothing(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    futures = []

    def many() -> None:
        futures.extend([log.append(another()) for _ in range(200)])

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait(futures, timeout=10)
    assert len(scan_day(tmp_path, "credit_risk", DAY).decisions) == 800
    log.close()


@pytest.mark.parametrize("after", [b"", b"\0" * 5000, b"\0" * 29 + b"\n", b"\0" * 29 + b"\n" + b"\0" * 5000])
def test_a_torn_last_line_is_left_out_and_reported(tmp_path: Path, after: bytes) -> None:
    """Cut short by a kill, with room behind it, or with a part that a power cut kept from the disk."""
    write(tmp_path, FIRST, another())
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-30] + after)
    found = scan_day(tmp_path, "credit_risk", DAY)
    assert found.decisions == (FIRST,)
    assert found.torn == (path,)
    assert read_day(tmp_path, "credit_risk", DAY).num_rows == 1


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, FIRST, another())
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"outcome"', b'"outc0me"', 1))
    with pytest.raises(DecisionLogError, match=r"line 1: .*outc0me"):
        read_day(tmp_path, "credit_risk", DAY)


def test_a_decision_that_cannot_be_written_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where the folder should be")
    log = DecisionLog(tmp_path / "log")
    with pytest.raises(DecisionLogError, match="cannot be written"):
        log.append(FIRST).result(5)
    (tmp_path / "log").unlink()
    log.append(FIRST).result(5)
    log.close()
    assert find_decision(tmp_path / "log", FIRST.id) == FIRST


def test_a_full_disk_leaves_only_whole_lines(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: there is no room ahead, and a write stops in a line."""
    log = DecisionLog(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    written = [another() for _ in range(20)]
    try:
        failures = [log.append(decision).exception(5) for decision in written]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    last = another()
    log.append(last).result(5)
    log.close()
    found = scan_day(tmp_path, "credit_risk", DAY)
    kept = [decision for decision, failure in zip(written, failures, strict=True) if failure is None]
    assert {type(failure) for failure in failures} == {type(None), DecisionLogError}
    assert (found.decisions, found.torn) == ((*kept, last), ())


def test_the_room_made_in_advance_is_never_read_and_is_given_back(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    written = [another() for _ in range(3)]
    for decision in written:
        log.append(decision).result(5)
    (path,) = tmp_path.rglob("*.jsonl")
    found = scan_day(tmp_path, "credit_risk", DAY)
    assert (found.decisions, found.torn) == (tuple(written), ())
    assert find_decision(tmp_path, written[1].id) == written[1]
    log.close()
    assert path.read_bytes().count(b"\n") == 3
    assert b"\0" not in path.read_bytes()


def test_who_stops_waiting_does_not_stop_the_log(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    assert log.append(FIRST).cancel() is False
    log.append(another()).result(5)
    log.close()
    assert len(scan_day(tmp_path, "credit_risk", DAY).decisions) == 2


def test_an_erasure_removes_the_subject_while_the_service_writes(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    other = another(keys={"customer_id": "C2"})
    log.append(FIRST).result(5)
    log.append(other).result(5)
    assert erase(tmp_path, "credit_risk", "customer_id", "C1") == 1
    later = another(keys={"customer_id": "C3"})
    log.append(later).result(5)
    log.close()
    gone, *kept = scan_day(tmp_path, "credit_risk", DAY).decisions
    assert kept == [other, later]
    assert (gone.keys, gone.inputs, gone.features, gone.erased) == ({}, {}, {}, True)
    assert (gone.id, gone.score, gone.outcome) == (FIRST.id, FIRST.score, FIRST.outcome)
    assert erase(tmp_path, "credit_risk", "customer_id", "C1") == 0
    assert [name for name in os.listdir(next(tmp_path.rglob("*.jsonl")).parent) if "erasing" in name] == []


def test_an_erasure_while_decisions_pour_in_loses_none(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    written: list[Decision] = []
    stop = threading.Event()

    def pour() -> None:
        while not stop.is_set():
            decision = another(keys={"customer_id": f"C{len(written) % 3}"})
            log.append(decision).result(5)
            written.append(decision)

    thread = threading.Thread(target=pour)
    thread.start()
    deadline = time.monotonic() + 10
    while len(written) < 60 and time.monotonic() < deadline:
        erase(tmp_path, "credit_risk", "customer_id", "C1")
    stop.set()
    thread.join()
    log.close()
    found = scan_day(tmp_path, "credit_risk", DAY).decisions
    assert [decision.id for decision in found] == [decision.id for decision in written]
    assert any(decision.erased for decision in found)


@pytest.mark.parametrize("product", ["../x", "", "A"])
def test_products_that_are_no_names_are_refused(tmp_path: Path, product: str) -> None:
    with pytest.raises(ValueError, match="is not a name"):
        read_day(tmp_path, product, DAY)
