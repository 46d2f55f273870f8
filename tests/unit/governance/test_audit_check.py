"""Whoever edits the audit log is found: by the chain, or by the anchors outside of it."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from assets.governance.anchors import Anchor, anchor_in, anchors_at, head_tag
from assets.governance.audit_check import AuditCheck, checked
from assets.governance.audit_entries import START, in_order, line_after, read_line
from assets.governance.audit_log import AuditLog

NOW = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)
ENTRIES, EDITS = 8, 10_000
Lines = list[bytes]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> AuditLog:
    folder = tmp_path_factory.mktemp("log")
    log = AuditLog(folder / "audit" / "log.jsonl", str(folder / "anchors"))
    for number in range(ENTRIES):
        log.append(
            actor="Ada Risk", action="approve", product="loans", version=str(number), reason=f"reviewed {number}",
            at=NOW + timedelta(days=number), details={"share": 0.25, "of": ["ä", None]},
        )  # fmt: skip
    return log


def judged(data: bytes, anchors: tuple[Anchor, ...]) -> AuditCheck:
    """A log with these bytes, as it is read from its file."""
    return checked(in_order(data.splitlines(keepends=True), "log"), anchors, anchored=True)


def rechained(lines: Lines, at: int, generator: random.Random) -> Lines:
    """Entries written again from one on, each with its right hash: no chain shows it."""
    kept = [read_line(line, "kept") for line in lines[:at]]
    last = kept[-1] if kept else None
    done = lines[:at]
    for line in lines[at:]:
        record = json.loads(line)
        texts = {name: record[name] for name in ("actor", "action", "product", "version", "reason")}
        texts["reason"] += f" {generator.random()}"
        done.append(line_after(last, texts, datetime.fromisoformat(record["at"]), record["details"]))
        last = read_line(done[-1], "forged")
    return done


def flipped(lines: Lines, at: int, generator: random.Random) -> Lines:
    data = bytearray(b"".join(lines))
    data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    return [bytes(data)]


def spaced(lines: Lines, at: int, generator: random.Random) -> Lines:
    """The same JSON in other bytes."""
    return [*lines[:at], json.dumps(json.loads(lines[at]), sort_keys=True).encode() + b"\n", *lines[at + 1 :]]


def inserted(lines: Lines, at: int, generator: random.Random) -> Lines:
    data = b"".join(lines)
    position = generator.randrange(len(data))
    return [data[:position], bytes([generator.randrange(256)]), data[position:]]


def swapped(lines: Lines, at: int, generator: random.Random) -> Lines:
    other = (at + generator.randrange(1, len(lines))) % len(lines)
    done = list(lines)
    done[at], done[other] = lines[other], lines[at]
    return done


EDIT: dict[str, Callable[[Lines, int, random.Random], Lines]] = {
    "a bit flipped": flipped,
    "a byte put in": inserted,
    "an entry written in other bytes": spaced,
    "an entry deleted": lambda lines, at, generator: [*lines[:at], *lines[at + 1 :]],
    "two entries swapped": swapped,
    "an entry doubled": lambda lines, at, generator: [*lines[: at + 1], *lines[at:]],
    "the tail cut off": lambda lines, at, generator: lines[:at],
    "the tail cut off within a line": lambda lines, at, generator: [
        *lines[:at], lines[at][: generator.randrange(1, len(lines[at]))]
    ],
    "entries forged and chained again": rechained,
    "an entry added": lambda lines, at, generator: [*lines, rechained([*lines, lines[at]], len(lines), generator)[-1]],
}  # fmt: skip


def test_of_ten_thousand_random_edits_each_is_found(log: AuditLog) -> None:
    anchors = anchors_at(log.anchors)
    data = log.path.read_bytes()
    lines, generator, names = data.splitlines(keepends=True), random.Random(17), list(EDIT)
    whole = judged(data, anchors)
    assert (whole.whole, whole.entries, whole.anchored, len(anchors)) == (True, ENTRIES, ENTRIES, ENTRIES)
    missed: list[str] = []
    edits = 0
    while edits < EDITS:
        name = names[edits % len(names)]
        edited = b"".join(EDIT[name](lines, generator.randrange(ENTRIES), generator))
        if edited == data:
            continue
        edits += 1
        found = judged(edited, anchors)
        if found.whole or found.first is None or not found.fault:
            missed.append(f"{name}: {edited!r}")
    assert not missed, missed[:3]


def test_the_first_entry_that_does_not_fit_is_named(log: AuditLog) -> None:
    anchors, lines = anchors_at(log.anchors), log.path.read_bytes().splitlines(keepends=True)
    changed = judged(b"".join([*lines[:2], lines[2].replace(b"reviewed", b"refused "), *lines[3:]]), anchors)
    assert (changed.entries, changed.first) == (2, 3)
    assert "entry 3 does not fit: log line 3" in changed.fault
    forged = judged(b"".join(rechained(lines, 4, random.Random(1))), anchors)
    assert (forged.entries, forged.first) == (4, 5)
    assert "entry 5 is not the one that was anchored" in forged.fault
    assert "heads/000000000005-" in forged.fault
    cut = judged(b"".join(lines[:6]), anchors)
    assert (cut.entries, cut.first) == (6, 7)
    assert "entries 7 to 8 are missing: the end of the log was cut off" in cut.fault
    assert judged(b"", anchors).head == START


def test_a_forged_tail_is_found_by_the_tag_of_a_version(log: AuditLog) -> None:
    """Where no place for anchors is named, MLflow's tags have heads of the log."""
    lines = log.path.read_bytes().splitlines(keepends=True)
    entry = read_line(lines[4], "log")
    anchor = anchor_in(head_tag(entry), "MLflow, loans version 2")
    assert anchor is not None
    forged = checked(in_order(rechained(lines, 3, random.Random(2)), "log"), [anchor], anchored=False)
    assert "entry 5 is not the one that was anchored" in forged.fault
    assert "MLflow, loans version 2" in forged.fault
    assert checked(in_order(lines, "log"), [anchor], anchored=False).whole
    wrong = anchor_in({"loopline.audit_head": "five"}, "MLflow, loans")
    assert wrong is not None
    assert "is not the one that was anchored" in checked(in_order(lines, "log"), [wrong], anchored=False).fault
    assert anchor_in({}, "MLflow, loans") is None


def test_an_anchor_is_written_with_each_entry_and_is_never_replaced(log: AuditLog) -> None:
    folder = Path(log.anchors) / "heads"
    assert len(anchors_at(log.anchors)) == ENTRIES
    kept = {file.name: file.read_bytes() for file in folder.glob("0*.json")}
    assert {json.loads(data)["number"] for data in kept.values()} == set(range(1, ENTRIES + 1))
    assert log.head() == anchors_at(log.anchors)[-1].hash


def test_anchors_are_objects_of_a_bucket_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", "us-east-1")):
            monkeypatch.setenv(f"AWS_{name}", value)
        boto3.client("s3").create_bucket(Bucket="anchors")
        log = AuditLog(tmp_path / "audit" / "log.jsonl", "s3://anchors/loopline")
        for version in ("1", "2"):
            log.append(actor="Ada", action="approve", product="loans", version=version, reason="fine", at=NOW)
        anchors = anchors_at(log.anchors)
        assert [one.number for one in anchors] == [1, 2]
        assert checked(log.entries(), anchors, anchored=True).whole
        log.path.write_bytes(log.path.read_bytes().splitlines(keepends=True)[0])
        assert checked(log.entries(), anchors, anchored=True).first == 2
    finally:
        server.stop()


def test_a_place_that_does_not_answer_holds_no_entry_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "anchors").write_text("no folder")
    log = AuditLog(tmp_path / "audit" / "log.jsonl", str(tmp_path / "anchors"))
    log.append(actor="Ada", action="approve", product="loans", version="1", reason="fine", at=NOW)
    assert "entry 1 of the audit log is not anchored yet" in caplog.text
    (tmp_path / "anchors").unlink()
    bare = checked(log.entries(), anchors_at(log.anchors), anchored=True)
    assert (bare.first, "nothing after entry 0 is anchored" in bare.fault) == (1, True)
    log.append(actor="Ada", action="anchor", product="all", version="", reason="the disk was full", at=NOW)
    assert checked(log.entries(), anchors_at(log.anchors), anchored=True).whole
