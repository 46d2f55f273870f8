"""Marks of repeated requests: bounded, forgotten after a day, and read back from the log."""

import asyncio
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assets.serving.decision import Decision
from assets.serving.earlier import repeats as module
from assets.serving.earlier.marks import Mark, OtherBody
from assets.serving.earlier.repeats import Repeats
from assets.serving.earlier.shared import SharedMarks
from assets.serving.log.search import lines_with
from tests.support.models.decision_samples import another

NOW = datetime.now(UTC)


def decided(mark: Mark | None, at: datetime = NOW, **change: object) -> Decision:
    return another(decided_at=at, mark=None if mark is None else str(mark), **change)


def mark(key: str = "k", body: bytes = b"{}", caller: str = "shop") -> Mark:
    return Mark.of(caller, key, body)


def answered(known: Repeats, one: Mark, at: datetime = NOW) -> str:
    async def run() -> str:
        assert await known.earlier(one) is None
        found = decided(one, at)
        await known.end(one, found)
        return found.id

    return asyncio.run(run())


def earlier(known: Repeats, one: Mark) -> str | None:
    return asyncio.run(known.earlier(one))


def test_a_key_is_a_callers_own_and_of_one_body() -> None:
    known = Repeats()
    first = answered(known, mark())
    assert earlier(known, mark()) == first
    with pytest.raises(OtherBody, match="another body"):
        earlier(known, mark(body=b"[]"))
    assert earlier(known, mark(caller="branch")) is None
    assert Mark.from_text(str(mark())) == mark()
    assert "shop" not in str(mark())


def test_whoever_waits_decides_if_the_first_failed() -> None:
    async def run() -> None:
        known = Repeats()
        assert await known.earlier(mark()) is None
        waiting = {asyncio.create_task(known.earlier(mark())) for _ in range(3)}
        await asyncio.sleep(0)
        with pytest.raises(OtherBody):
            await known.earlier(mark(body=b"[]"))
        await known.end(mark(), None)
        done, waiting = await asyncio.wait(waiting, timeout=0.05)
        assert [task.result() for task in done] == [None], "one decides, the others wait for it"
        found = decided(mark())
        await known.end(mark(), found)
        assert known.recent(found.id) == found
        assert {await task for task in waiting} == {found.id}

    asyncio.run(run())


def test_a_request_is_forgotten_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Repeats()
    answered(known, mark("old"), NOW - timedelta(hours=24, seconds=1))
    answered(known, mark("new"), NOW - timedelta(hours=23))
    assert earlier(known, mark("old")) is None
    assert earlier(known, mark("new")) is not None
    monkeypatch.setattr(module, "_MOST", 10)
    for number in range(50):
        answered(known, mark(f"k{number}"))
    assert len(known) == 10
    assert earlier(known, mark("k49")) is not None


def test_processes_that_share_a_redis_decide_a_request_once(redis_url: str) -> None:
    async def run() -> None:
        marks = [mark(f"shared-{number}") for number in range(5)]
        processes = [Repeats(SharedMarks(redis_url)) for _ in range(3)]
        decisions: list[str] = []

        async def ask(process: Repeats, one: Mark) -> str:
            earlier = await process.earlier(one)
            if earlier is not None:
                return earlier
            await asyncio.sleep(0.01)
            found = decided(one)
            decisions.append(found.id)
            await process.end(one, found)
            return found.id

        answers = await asyncio.gather(*(ask(process, one) for one in marks for process in processes * 2))
        assert len(decisions) == len(marks) == len(set(answers))
        with pytest.raises(OtherBody):
            await processes[1].earlier(mark("shared-0", body=b"[]"))
        # One that failed may be decided by another process.
        assert await processes[0].earlier(mark("failed")) is None
        await processes[0].end(mark("failed"), None)
        assert await processes[1].earlier(mark("failed")) is None
        for process in processes:
            await process.close()

    asyncio.run(run())


def test_without_its_redis_a_process_knows_its_own_requests_and_does_not_wait() -> None:
    async def run() -> None:
        alone = Repeats(SharedMarks("redis://127.0.0.1:1/0"))
        found = decided(mark())
        assert await alone.earlier(mark()) is None
        await alone.end(mark(), found)
        assert await alone.earlier(mark()) == found.id
        await alone.close()

    asyncio.run(run())


def write(folder: Path, day: str, lines: list[Decision], *, name: str = "1.jsonl", tail: bytes = b"") -> None:
    path = folder / "loans" / day / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"".join(json.dumps(one.to_record(), separators=(",", ":")).encode() + b"\n" for one in lines)
    path.write_bytes(data + tail)


def test_the_log_is_read_when_the_service_starts(tmp_path: Path) -> None:
    kept, void, old, plain = decided(mark("a")), decided(mark("b")), decided(mark("c"), NOW - timedelta(days=2)), None
    plain = decided(None, inputs={"mark": "0" * 32 + ":" + "0" * 32})
    day = NOW.date().isoformat()
    write(tmp_path, day, [kept, void, replace(void, void=True), plain], tail=b'{"decision_id":"torn' + bytes(9000))
    write(tmp_path, old.decided_at.date().isoformat(), [old])
    known = Repeats()
    known.load(tmp_path, NOW)
    assert len(known) == 1
    assert earlier(known, mark("a")) == kept.id
    assert earlier(known, mark("b")) is None


def test_lines_are_found_with_their_numbers_wherever_a_chunk_ends(tmp_path: Path) -> None:
    generator = random.Random(5)
    path = tmp_path / "log"
    for _ in range(20):
        lines = [
            b"x" * generator.randrange(0, 300_000) + generator.choice([b"needle", b"", b"need", b"needleneedle"])
            for _ in range(generator.randrange(1, 30))
        ]
        path.write_bytes(b"".join(line + b"\n" for line in lines) + b"needle" + bytes(generator.randrange(0, 2**21)))
        wanted = [(number, line) for number, line in enumerate(lines, start=1) if b"needle" in line]
        assert list(lines_with(path, b"needle")) == wanted
