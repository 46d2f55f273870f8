import json
import multiprocessing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from assets.governance.audit_log import AuditLog, AuditLogDamaged, AuditLogError

NOW = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)


def add(log: AuditLog, number: int = 1, **changes: Any) -> Any:
    values = {
        "actor": "R. Officer", "action": "promote", "product": "credit_risk", "version": str(number),
        "reason": f"decision {number}", "at": NOW, "details": {"share": 0.1, "tables": ["a", "ä|b"]},
    }  # fmt: skip
    return log.append(**{**values, **changes})


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit" / "log.jsonl")


def test_entries_come_back_as_written_and_in_order(log: AuditLog) -> None:
    written = [add(log, number) for number in range(1, 6)]
    assert list(log.entries()) == written
    assert [entry.number for entry in written] == [1, 2, 3, 4, 5]
    assert written[0].previous == "0" * 64
    assert log.verify() == 5
    assert log.head() == written[-1].hash


def test_an_empty_log_is_valid(log: AuditLog) -> None:
    assert log.verify() == 0
    assert list(log.entries()) == []
    assert log.head() == "0" * 64


def test_times_are_kept_in_utc(log: AuditLog) -> None:
    entry = add(log, at=NOW.astimezone(timezone(timedelta(hours=5))))
    assert entry.at.utcoffset() == timedelta(0)
    assert entry.at == NOW


@pytest.mark.parametrize(
    "tamper",
    [
        lambda lines: [lines[0], lines[1].replace(b"decision 2", b"decision 9"), lines[2]],
        lambda lines: [lines[0], lines[2]],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [lines[0], lines[1], lines[1], lines[2]],
        lambda lines: lines[1:],
        lambda lines: [lines[0], b"{}\n", lines[2]],
        lambda lines: [lines[0], b"\xff\n", lines[2]],
    ],
)
def test_tampering_is_found(log: AuditLog, tamper: Any) -> None:
    for number in (1, 2, 3):
        add(log, number)
    log.path.write_bytes(b"".join(tamper(log.path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(AuditLogDamaged, match="line"):
        log.verify()


def test_a_forged_entry_with_its_own_hash_breaks_the_next(log: AuditLog, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        add(log, number)
    other = AuditLog(tmp_path / "other.jsonl")
    add(other, 1)
    forged = add(other, 2, reason="nothing to see")
    lines = log.path.read_bytes().splitlines(keepends=True)
    lines[1] = other.path.read_bytes().splitlines(keepends=True)[1]
    log.path.write_bytes(b"".join(lines))
    assert forged.previous == json.loads(lines[0])["hash"]
    with pytest.raises(AuditLogDamaged, match="line 3"):
        log.verify()


def test_a_cut_off_end_is_found_with_a_head_noted_before(log: AuditLog) -> None:
    for number in (1, 2, 3):
        add(log, number)
    known = log.head()
    add(log, 4)
    assert log.verify(known=known) == 4
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(lines[:2]))
    assert log.verify() == 2
    with pytest.raises(AuditLogDamaged, match="cut off"):
        log.verify(known=known)


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_an_incomplete_entry_after_a_crash_is_repaired_and_recorded(log: AuditLog, kept: int) -> None:
    add(log, 1)
    whole = log.path.stat().st_size
    add(log, 2)
    cut = log.path.read_bytes()[: whole + kept] if kept > 0 else log.path.read_bytes()[:kept]
    log.path.write_bytes(cut)
    with pytest.raises(AuditLogDamaged, match="incomplete"):
        log.verify()
    add(log, 3)
    actions = [entry.action for entry in log.entries()]
    assert actions == ["promote", "audit_log_repaired", "promote"]
    assert str(len(cut) - whole) in list(log.entries())[1].reason


def test_an_entry_of_which_a_power_cut_took_a_part_is_repaired(log: AuditLog) -> None:
    """The disk took the sector with its end, and not the one before."""
    add(log, 1)
    whole = log.path.stat().st_size
    add(log, 2)
    data = log.path.read_bytes()
    log.path.write_bytes(data[: whole + 5] + bytes(50) + data[whole + 55 :])
    with pytest.raises(AuditLogDamaged, match="incomplete"):
        log.verify()
    assert len(list(log.entries(last="skipped"))) == 1
    add(log, 3)
    assert [entry.action for entry in log.entries()] == ["promote", "audit_log_repaired", "promote"]
    assert log.verify() == 3


def test_nothing_is_added_to_a_log_whose_last_entry_was_changed(log: AuditLog) -> None:
    add(log, 1)
    log.path.write_bytes(log.path.read_bytes().replace(b"decision 1", b"decision 7"))
    with pytest.raises(AuditLogDamaged, match="changed"):
        add(log, 2)


def test_long_entries_are_found_from_the_end(log: AuditLog) -> None:
    first = add(log, 1, reason="x" * 200_000)
    second = add(log, 2, reason="y" * 70_000)
    assert second.previous == first.hash
    assert log.verify() == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actor": " "}, "give actor"),
        ({"reason": ""}, "give reason"),
        ({"at": datetime(2026, 5, 1)}, "time zone"),
        ({"details": {"auc": float("nan")}}, "no JSON values"),
        ({"details": {"set": {1}}}, "no JSON values"),
    ],
)
def test_an_entry_that_says_too_little_is_refused_and_leaves_no_trace(
    log: AuditLog, changes: dict[str, Any], message: str
) -> None:
    add(log, 1)
    before = log.path.read_bytes()
    with pytest.raises(AuditLogError, match=message):
        add(log, 2, **changes)
    assert log.path.read_bytes() == before


def _append_many(path: Path, actor: str) -> None:
    for number in range(15):
        add(AuditLog(path), number, actor=actor)


def test_processes_that_append_at_once_make_one_chain(log: AuditLog) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_many, args=(log.path, f"worker {n}")) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert log.verify() == 60
    by_actor: dict[str, list[str]] = {}
    for entry in log.entries():
        by_actor.setdefault(entry.actor, []).append(entry.version)
    assert by_actor == {f"worker {n}": [str(i) for i in range(15)] for n in range(4)}
