"""The decision log, read and erased from."""

import json
import os
import threading
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from assets.serving.decision import Decision, NoDecision, new_id
from assets.serving.log.decision_log import days, erase, find_decision, read_day, scan_day
from assets.serving.log.writer import DecisionLog, DecisionLogError
from resources.durable_files import LARGEST_WRITE
from tests.support.models.decision_samples import DAY, FIRST, NOW, another, write


def test_a_decision_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    assert find_decision(tmp_path, FIRST.id) == FIRST


@pytest.mark.parametrize("text", ["", "x", "../../etc/passwd", "019CABD8-37FF-79E6-81CF-6054438AFF3A0", "0" * 36])
def test_what_is_no_id_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(NoDecision, match="is not a decision id"):
        find_decision(tmp_path, text)


def test_a_decision_that_was_not_recorded_is_an_error(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("after", [b"", b"\0" * 5000, b"\0" * 29 + b"\n", b"\0" * 29 + b"\n" + b"\0" * 5000])
def test_a_torn_last_line_is_left_out_and_reported(tmp_path: Path, after: bytes) -> None:
    """Cut short by a kill, with allocated space after it, or with a part that a power cut kept off the disk."""
    write(tmp_path, FIRST, another())
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-30] + after)
    scanned = scan_day(tmp_path, "credit_risk", DAY)
    assert scanned.decisions == (FIRST,)
    assert scanned.torn == (path,)
    assert read_day(tmp_path, "credit_risk", DAY).num_rows == 1


def test_a_line_that_a_power_cut_took_out_of_a_write_is_left_out(tmp_path: Path) -> None:
    """The disk takes the sectors of a write in any order: whole lines may follow those that it did not take.

    The end of the second line is among these, so that the third has no beginning.
    """
    written = [another() for _ in range(4)]
    write(tmp_path, *written)
    (path,) = tmp_path.rglob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1][:40] + bytes(len(lines[1]) - 40)
    path.write_bytes(b"".join(lines))
    scanned = scan_day(tmp_path, "credit_risk", DAY)
    assert (scanned.decisions, scanned.torn) == ((written[0], written[3]), (path,))


def test_zero_bytes_above_the_last_write_are_an_error(tmp_path: Path) -> None:
    """Later lines were acknowledged, so that line was too."""
    write(tmp_path, FIRST)
    (path,) = tmp_path.rglob("*.jsonl")
    line = path.read_bytes()
    path.write_bytes(line[:40] + bytes(len(line) - 41) + b"\n" + line * LARGEST_WRITE)
    with pytest.raises(DecisionLogError, match=r"line 1: .*restore the file from a backup"):
        scan_day(tmp_path, "credit_risk", DAY)


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, FIRST, another())
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"outcome"', b'"outc0me"', 1))
    with pytest.raises(DecisionLogError, match=r"line 1: .*outc0me"):
        read_day(tmp_path, "credit_risk", DAY)


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
    (path,) = tmp_path.rglob("*.jsonl")
    assert os.listdir(path.parent) == [path.name]


def test_an_erasure_leaves_no_key_in_the_problem_of_a_fallback(tmp_path: Path) -> None:
    """Neither now, nor in a decision that was erased when the text still stayed."""
    failed = another(problem="customer_id 'C1': its events are damaged", fallback="policy")
    before = another(
        keys={}, inputs={}, features={}, erased=True, problem="customer_id 'C9': damaged", fallback="policy"
    )
    others = another(keys={"customer_id": "C2"}, problem="the online store is empty", fallback="policy")
    write(tmp_path, FIRST, failed, before, others)
    assert erase(tmp_path, "credit_risk", "customer_id", "C1") == 3
    (path,) = tmp_path.rglob("*.jsonl")
    assert "C1" not in path.read_text()
    assert "C9" not in path.read_text()
    problems = [decision.problem for decision in scan_day(tmp_path, "credit_risk", DAY).decisions]
    assert problems == [None, "(erased)", "(erased)", "the online store is empty"]
    assert erase(tmp_path, "credit_risk", "customer_id", "C1") == 0


def test_an_erasure_of_an_entity_named_none_leaves_decisions_without_keys(tmp_path: Path) -> None:
    """A missing key is no key of that text."""
    keyless = another(keys={})
    write(tmp_path, keyless)
    assert erase(tmp_path, "credit_risk", "customer_id", "None") == 0
    assert scan_day(tmp_path, "credit_risk", DAY).decisions == (keyless,)


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
    logged = scan_day(tmp_path, "credit_risk", DAY).decisions
    assert [decision.id for decision in logged] == [decision.id for decision in written]
    assert any(decision.erased for decision in logged)


@pytest.mark.parametrize("product", ["../x", "", "A"])
def test_products_that_are_no_names_are_refused(tmp_path: Path, product: str) -> None:
    with pytest.raises(ValueError, match="is not a name"):
        read_day(tmp_path, product, DAY)
