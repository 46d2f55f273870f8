"""Whether the online store is to be loaded again: a pure decision.

Belongs here: from what is loaded and what the lake has to a verdict. Does not belong here: reading either
(`pipelines.automation`), the load (`load.py`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from assets.product.verdict import Verdict

LoadAction = Literal["load", "wait", "none", "unknown"]

_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class LoadSignals:
    """What is known at a tick.

    Attributes:
        loaded: Name of the load that decisions read (`load_name`); None for an empty store.
        current: Name that a load of the lake's present tables would have; that of the loaded one if the tables' content
            is the same.
        ever_loaded: Whether the store was ever loaded; the first load belongs to the run that makes the tables.
        under_way: Runs and backfills that have not ended and change the validated tables, or load the store.
        half_made: Days whose raw rows are newer than the validated ones that were made of them, by table, and days that
            a run left as they were although it validated others again; not asked for if nothing is to be loaded.
        failures: Number of loads that failed since the last success.
        failed_at: When the last of them ended; None without any.
    """

    loaded: str | None
    current: str
    ever_loaded: bool
    under_way: tuple[str, ...] = ()
    half_made: tuple[str, ...] = ()
    failures: int = 0
    failed_at: datetime | None = None


def load_verdict(product: str, signals: LoadSignals, now: datetime) -> Verdict[LoadAction]:
    """Loads when a load would give other content than decisions read, but never a part of what is being made.

    A load that failed is tried again after a minute, then after twice as long each time, at most an hour.
    """
    if signals.loaded == signals.current:
        return Verdict("none", (f"decisions read {signals.current}, which is what the lake has",))
    if signals.loaded is None and not signals.ever_loaded:
        return Verdict("unknown", (f"the store was never loaded; run first: loopline run {product}",))
    if signals.under_way:
        return Verdict("wait", (f"not over yet: {', '.join(signals.under_way)}",))
    if signals.half_made:
        return Verdict("wait", (
            f"half made: {'; '.join(signals.half_made)}; make them whole: loopline backfill {product} --from D --to D",
        ))  # fmt: skip
    if signals.failed_at is not None:
        again = signals.failed_at + min(_FIRST_PAUSE * 2 ** min(signals.failures - 1, 10), _LONGEST_PAUSE)
        if now < again:
            return Verdict("wait", (f"{signals.failures} loads failed; the next one starts at {again:%H:%M:%S} UTC",))
    if signals.loaded is None:
        return Verdict("load", ("the store is empty, although it was loaded: its server has lost its data",))
    return Verdict("load", (f"decisions read {signals.loaded}, the lake has {signals.current}",))
