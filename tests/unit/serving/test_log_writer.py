"""Decisions written to the log: on disk before they are answered, whole or not at all."""

import resource
import signal
import threading
from concurrent.futures import wait
from pathlib import Path

import pytest

from assets.serving.decision_log import find_decision, scan_day
from assets.serving.log_writer import DecisionLog, DecisionLogError
from tests.support.decision_samples import DAY, FIRST, another


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


def test_a_decision_that_cannot_be_written_is_reported_and_the_log_goes_on(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where the folder should be")
    log = DecisionLog(tmp_path / "log")
    with pytest.raises(DecisionLogError, match="cannot be written"):
        log.append(FIRST).result(5)
    (tmp_path / "log").unlink()
    log.append(FIRST).result(5)
    log.close()
    assert find_decision(tmp_path / "log", FIRST.id) == FIRST


def test_a_full_disk_leaves_only_whole_lines(tmp_path: Path) -> None:
    """A limit on file size stands in for a full disk: no space can be allocated, and a write stops within a line."""
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
    scanned = scan_day(tmp_path, "credit_risk", DAY)
    kept = [decision for decision, failure in zip(written, failures, strict=True) if failure is None]
    assert {type(failure) for failure in failures} == {type(None), DecisionLogError}
    assert (scanned.decisions, scanned.torn) == ((*kept, last), ())


def test_space_allocated_in_advance_is_never_read_and_is_cut_off(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    written = [another() for _ in range(3)]
    for decision in written:
        log.append(decision).result(5)
    (path,) = tmp_path.rglob("*.jsonl")
    scanned = scan_day(tmp_path, "credit_risk", DAY)
    assert (scanned.decisions, scanned.torn) == (tuple(written), ())
    assert find_decision(tmp_path, written[1].id) == written[1]
    log.close()
    assert path.read_bytes().count(b"\n") == 3
    assert b"\0" not in path.read_bytes()


def test_a_caller_that_stops_waiting_does_not_stop_the_log(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    assert log.append(FIRST).cancel() is False
    log.append(another()).result(5)
    log.close()
    assert len(scan_day(tmp_path, "credit_risk", DAY).decisions) == 2
