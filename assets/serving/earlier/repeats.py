"""Repeated requests: the same idempotency key gets the same decision, and the decision log one line.

Belongs here: which decision a marked request got, how long that is remembered, and reading the marks back from the log
when the service starts. Does not belong here: a mark (`marks.py`), header and answer 409 (`assets.serving.http`).

Remembered are a day's requests, at most the newest 500,000 (100 MB); their answers are in the log. Where the online
store is in Redis, the processes tell each other of their requests there (`shared.py`).
"""

import asyncio
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from assets.serving.decision import Decision, moment_of
from assets.serving.earlier.marks import Mark, OtherBody
from assets.serving.log.decision_log import days, files_of
from assets.serving.log.search import lines_with
from resources.naming import is_name

if TYPE_CHECKING:  # a client of Redis, which the process beside an embedded store does not need
    from assets.serving.earlier.shared import SharedMarks

_LOG = logging.getLogger("loopline.service")
_KEPT = timedelta(hours=24)
_MOST = 500_000
_MOST_WHOLE = 1_000
_MOST_BYTES = 2**31
_LINE = re.compile(rb'"decision_id":"([0-9a-f-]{36})".*"void":(true|false).*"mark":"([0-9a-f]{32}:[0-9a-f]{32})"\}\Z')
_NEEDLE = b'"mark":"'


class Repeats:
    """Which decision each marked request got; used within one event loop.

    Args:
        shared: What other processes know; `None` where this one answers alone.
    """

    def __init__(self, shared: "SharedMarks | None" = None) -> None:
        self._shared = shared
        self._known: OrderedDict[bytes, bytes] = OrderedDict()
        self._whole: OrderedDict[str, Decision] = OrderedDict()
        self._under_way: dict[bytes, tuple[bytes, asyncio.Event]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def load(self, folder: Path, now: datetime) -> None:
        """Reads the marks of the last day from the decision log, the newest files first, at most 2 GB of them."""
        found = {mark.key: (decision_id, mark) for decision_id, mark in _marked(folder, now)}
        for decision_id, mark in sorted(found.values(), key=lambda one: one[0])[-_MOST:]:
            self._remember(mark, decision_id)
        if found:
            _LOG.info("%d requests with an idempotency key are known from the log", len(self._known))

    async def earlier(self, mark: Mark) -> str | None:
        """The id of the decision that the request got; `None` if it has none, and is the caller's to decide.

        Waits while the same request is being decided. Whoever gets `None` must call `end`.

        Raises:
            OtherBody: The key was used for another body.
        """
        while True:
            self._forget_old()
            found = self._known.get(mark.key)
            under_way = self._under_way.get(mark.key)
            body = found[:16] if found else under_way[0] if under_way else mark.body
            if body != mark.body:
                raise OtherBody.of_key()
            if found:
                return _id(found[16:])
            if under_way is None:
                self._under_way[mark.key] = mark.body, asyncio.Event()
                return await self._elsewhere(mark)
            await under_way[1].wait()

    async def _elsewhere(self, mark: Mark) -> str | None:
        """The decision that the request got in another process; if it got none there, it is claimed among them."""
        if self._shared is None:
            return None
        found = None
        try:
            found = await self._shared.earlier(mark)
        except BaseException:
            self._give_up(mark)
            raise
        if found is not None:
            self._remember(mark, found)
            self._give_up(mark)
        return found

    async def end(self, mark: Mark, decision: Decision | None) -> None:
        """Remembers the decision of a request, and lets those that wait for it go on.

        Args:
            decision: `None` if the request got none: the next one like it is decided.
        """
        if decision is not None:
            self._remember(mark, decision.id)
            self._whole[decision.id] = decision
            while len(self._whole) > _MOST_WHOLE:
                self._whole.popitem(last=False)
        self._give_up(mark)
        if self._shared is not None:
            await self._shared.end(mark, None if decision is None else decision.id)

    async def close(self) -> None:
        """Closes the connections to what the processes share."""
        if self._shared is not None:
            await self._shared.close()

    def _give_up(self, mark: Mark) -> None:
        self._under_way.pop(mark.key)[1].set()

    def recent(self, decision_id: str) -> Decision | None:
        """The decision, if it is one of the newest; the others are in the log."""
        return self._whole.get(decision_id)

    def _remember(self, mark: Mark, decision_id: str) -> None:
        self._known[mark.key] = mark.body + bytes.fromhex(decision_id.replace("-", ""))
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def _forget_old(self) -> None:
        """Forgets requests of more than a day ago; they are in the order in which they were decided."""
        oldest = datetime.now(UTC) - _KEPT
        while self._known:
            key, found = next(iter(self._known.items()))
            if moment_of(_id(found[16:])) >= oldest:
                return
            del self._known[key]


def _marked(folder: Path, now: datetime) -> Iterator[tuple[str, Mark]]:
    """The marked decisions of the last day, without void ones; a later one of the same key comes later."""
    began, read = time.monotonic(), 0
    products = sorted(entry.name for entry in folder.iterdir() if is_name(entry.name)) if folder.is_dir() else ()
    files = [
        (path.stat().st_mtime, path)
        for product in products
        for day in days(folder, product)
        if day >= (now - _KEPT).date()
        for path in files_of(folder, product, day)
    ]
    kept: list[Path] = []
    for _, path in sorted(files, reverse=True):
        read += path.stat().st_size
        if read > _MOST_BYTES and kept:
            _LOG.warning("idempotency keys of before are not known: the log of a day is larger than %d", _MOST_BYTES)
            break
        kept.append(path)
    for path in reversed(kept):
        void: set[str] = set()
        found: list[tuple[str, Mark]] = []
        for _, line in lines_with(path, _NEEDLE):
            # A line of which a power cut took a part may begin with one decision and end with another.
            parsed = None if b"\0" in line else _LINE.search(line)
            if parsed is None:
                continue
            decision_id = parsed.group(1).decode()
            if parsed.group(2) == b"true":
                void.add(decision_id)
            elif moment_of(decision_id) >= now - _KEPT:
                found.append((decision_id, Mark.from_text(parsed.group(3).decode())))
        yield from (one for one in found if one[0] not in void)
    if kept:
        _LOG.info("the decision log's last day was read in %.1f s", time.monotonic() - began)


def _id(data: bytes) -> str:
    text = data.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
