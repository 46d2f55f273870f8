"""Decisions written to the log: on disk before they are answered, whole or not at all."""

import errno
import os
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

import pytest

from assets.serving.log.decision_log import find_decision, scan_day
from assets.serving.log.file import DiskFile
from assets.serving.log.writer import DecisionLog, DecisionLogError, DiskFull
from tests.support.models.decision_samples import DAY, FIRST, another


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


def test_writers_that_write_themselves_lose_nothing(tmp_path: Path) -> None:
    """Whoever comes while another one is writing leaves its decision to the log's thread."""
    log = DecisionLog(tmp_path)
    futures = []

    def many() -> None:
        for _ in range(100):
            futures.append(log.append(another(), wake=False))
            log.write()

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait(futures, timeout=10)
    assert len(scan_day(tmp_path, "credit_risk", DAY).decisions) == 400
    log.close()


def test_a_decision_is_on_disk_when_its_writer_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, synced, sync = DecisionLog(tmp_path), [], os.fdatasync

    def noting(descriptor: int) -> None:
        sync(descriptor)
        synced.append(threading.current_thread())

    monkeypatch.setattr(os, "fdatasync", noting)
    logged = log.append(FIRST, wake=False)
    assert not logged.done()
    log.write()
    assert logged.done()
    assert synced[0] is threading.current_thread()
    assert find_decision(tmp_path, FIRST.id) == FIRST
    log.close()


def test_a_writer_does_not_wait_for_a_slow_disk_that_another_one_waits_for(tmp_path: Path) -> None:
    is_slow, goes_on = threading.Event(), threading.Event()

    class Slow(DiskFile):
        def sync(self) -> None:
            is_slow.set()
            assert goes_on.wait(10)
            super().sync()

    log = DecisionLog(tmp_path, opener=Slow)
    log.append(another(), wake=False)
    first = threading.Thread(target=log.write)
    first.start()
    assert is_slow.wait(10)
    second = log.append(another(), wake=False)
    log.write()
    assert not second.done()
    goes_on.set()
    second.result(10)
    first.join()
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
        assert log.is_full
        time.sleep(1.05)
        assert log.is_full, "a second later there is still no space"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    time.sleep(1.05)
    assert not log.is_full, "nobody decides meanwhile, and it finds the space by itself"
    last = another()
    log.append(last).result(5)
    log.close()
    scanned = scan_day(tmp_path, "credit_risk", DAY)
    kept = [decision for decision, failure in zip(written, failures, strict=True) if failure is None]
    assert {type(failure) for failure in failures} == {type(None), DiskFull}
    assert (scanned.decisions, scanned.torn) == ((*kept, last), ())


def handles_of(path: Path) -> list[int]:
    """The descriptors of this process that are open on a file."""
    links = ((int(entry.name), entry) for entry in Path("/proc/self/fd").iterdir())
    return [number for number, link in links if link.is_symlink() and str(link.readlink()).startswith(str(path))]


def lose_handle(path: Path) -> None:
    (descriptor,) = handles_of(path)
    os.close(descriptor)


def cut_within_a_line(path: Path) -> None:
    os.truncate(path, path.read_bytes().rstrip(b"\0").rfind(b"}") - 20)


def cut_to_nothing(path: Path) -> None:
    os.truncate(path, 0)


def remove(path: Path) -> None:
    shutil.rmtree(path.parents[1])


@pytest.mark.parametrize(
    ("damage", "left"), [(lose_handle, 2), (cut_within_a_line, 1), (cut_to_nothing, 0), (remove, 0)]
)
def test_the_log_goes_on_after_its_file_was_lost_or_damaged(
    tmp_path: Path, damage: Callable[[Path], None], left: int
) -> None:
    """No later decision is refused, and every line that is left can be read."""
    log = DecisionLog(tmp_path)
    before, after = [another(), another()], [another(), another()]
    for decision in before:
        log.append(decision).result(5)
    (path,) = tmp_path.rglob("*.jsonl")
    damage(path)
    for decision in after:
        log.append(decision).result(5)
    assert len(handles_of(path)) == 1
    log.close()
    scanned = scan_day(tmp_path, "credit_risk", DAY)
    assert (scanned.decisions, scanned.torn) == ((*before[:left], *after), ())


def test_a_line_that_was_refused_does_not_stay_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is in the file when the sync fails, and cannot be cut off: its caller was told that it is void."""
    log = DecisionLog(tmp_path)
    first, refused, last = another(), another(), another()
    log.append(first).result(5)

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        patched.setattr(os, "ftruncate", fail)
        with pytest.raises(DecisionLogError, match="Input/output error"):
            log.append(refused).result(5)
    (path,) = tmp_path.rglob("*.jsonl")
    assert refused.id in path.read_text()
    log.append(last).result(5)
    log.close()
    assert scan_day(tmp_path, "credit_risk", DAY).decisions == (first, last)


def test_the_names_of_new_folders_are_synced_before_a_decision_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync of a file reaches its bytes: a power cut could still take the whole folder of a new day."""
    synced: list[Path] = []
    sync = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    log = DecisionLog(tmp_path / "new" / "log")
    log.append(FIRST).result(5)
    (path,) = tmp_path.rglob("*.jsonl")
    above = [folder for folder in path.parents if folder.is_relative_to(tmp_path)]
    assert set(above) <= set(synced)
    log.close()


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
