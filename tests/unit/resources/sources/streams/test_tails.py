"""Following a tailed file: what is read once, what is left for later, where a moment begins."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resources.sources.readers import SourceBroken, SourceUnavailable
from resources.sources.streams.tails import FileTail

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def line(number: int) -> str:
    return json.dumps({"n": number, "known_at": (START + number * HOUR).isoformat()}) + "\n"


@pytest.fixture
def tail(tmp_path: Path) -> FileTail:
    return FileTail("repayments", tmp_path, "repayments", "known_at")


def write(tmp_path: Path, text: str) -> None:
    with (tmp_path / "repayments.jsonl").open("a") as file:
        file.write(text)


def test_what_was_appended_is_read_once_in_order(tail: FileTail, tmp_path: Path) -> None:
    """The offset of one batch is the start of the next."""
    write(tmp_path, line(0) + line(1) + line(2))
    first = tail.read({}, 2)
    assert ([json.loads(m.text)["n"] for m in first.messages], first.at_end) == ([0, 1], False)
    second = tail.read(first.offsets, 2)
    assert ([m.arrived_at for m in second.messages], second.at_end) == ([START + 2 * HOUR], True)
    assert tail.read(second.offsets, 2).messages == ()
    write(tmp_path, line(3))
    assert [json.loads(m.text)["n"] for m in tail.read(second.offsets, 2).messages] == [3]


def test_a_line_that_is_being_written_is_left_for_later(tail: FileTail, tmp_path: Path) -> None:
    """Half a message is none."""
    write(tmp_path, line(0) + line(1)[:10])
    batch = tail.read({}, 9)
    assert [json.loads(m.text)["n"] for m in batch.messages] == [0]
    write(tmp_path, line(1)[10:])
    assert [json.loads(m.text)["n"] for m in tail.read(batch.offsets, 9).messages] == [1]


def test_a_moment_s_offset_has_everything_from_it_on(tail: FileTail, tmp_path: Path) -> None:
    """Lines that say nothing of their arrival stand where they stand, and do not lead the search astray."""
    write(tmp_path, "".join(line(n) + ("{broken\n" if n % 3 == 0 else "") for n in range(20)))
    for hour in (0, 1, 7, 19):
        found = tail.read(tail.offsets_at(START + hour * HOUR), 100)
        numbers = [json.loads(m.text)["n"] for m in found.messages if m.arrived_at]
        assert numbers == list(range(hour, 20))
        assert sum(m.arrived_at is None for m in found.messages) >= sum(n % 3 == 0 for n in range(hour, 20))
    assert tail.read(tail.offsets_at(START + 99 * HOUR), 100).messages == ()


def test_a_file_that_was_replaced_or_is_not_there_is_told(tail: FileTail, tmp_path: Path) -> None:
    """The one can be repaired by reading again, the other by waiting."""
    with pytest.raises(SourceUnavailable, match="no stream file"):
        tail.read({}, 1)
    write(tmp_path, line(0))
    with pytest.raises(SourceBroken, match="was read up to 5000: it was replaced"):
        tail.read({"0": 5000}, 1)


@pytest.mark.parametrize("lines", [3, 300])
def test_a_file_that_was_replaced_by_a_longer_one_is_told(tail: FileTail, tmp_path: Path, lines: int) -> None:
    """In its own place or by another file; one that has the same before the offset, and more behind it, is the same."""
    write(tmp_path, "".join(line(n) for n in range(lines)))
    offsets = tail.read({}, lines).offsets
    content = (tmp_path / "repayments.jsonl").read_text()
    (tmp_path / "repayments.jsonl").write_text("".join(line(n) for n in range(1, 2 * lines)))
    with pytest.raises(
        SourceBroken, match=f"was read up to byte {len(content)}, and the bytes before that have changed"
    ):
        tail.read(offsets, 1)
    (tmp_path / "other").write_text(content + line(lines))
    (tmp_path / "other").replace(tmp_path / "repayments.jsonl")
    assert [json.loads(m.text)["n"] for m in tail.read(offsets, 9).messages] == [lines]


def test_a_file_that_cannot_be_read_may_be_readable_later(tail: FileTail, tmp_path: Path) -> None:
    """Whatever the machine answers; the follower goes on with its other streams meanwhile."""
    (tmp_path / "repayments.jsonl").symlink_to("/proc/self/mem")  # a file that opens, and answers reads with an error
    with pytest.raises(
        SourceUnavailable, match=r"stream file .*repayments.jsonl cannot be read \(Input/output error\)"
    ):
        tail.read({}, 1)
    with pytest.raises(SourceUnavailable, match="cannot be read .File name too long.; fix the file"):
        FileTail("repayments", tmp_path, "x" * 300, "known_at").offsets_at(START)
