"""How often the test period of a benchmark was looked at.

Belongs here: the record under LOOPLINE_HOME. Does not belong here: the benchmarks.

A test period is a fair judge once. Each look after the first one lets people choose what did well there, so the output
of a benchmark tells their number.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from resources.durable_files import make_folder, replace_file
from resources.errors import LooplineError
from resources.locks import exclusive


class DamagedRecord(LooplineError):
    """The record of earlier runs cannot be read; the message names the file."""


def count_look(home: Path, benchmark: str, model: str, now: datetime) -> int:
    """Records that the test period is about to be scored; returns how often it was, this time included.

    Raises:
        DamagedRecord: The record is not one of a benchmark.
    """
    folder = home / "benchmarks"
    make_folder(folder)
    file = folder / f"{benchmark}.json"
    with exclusive(str(folder), benchmark):
        looks = [*_looks(file), {"at": now.isoformat(), "model": model}]
        replace_file(file, json.dumps({"test_period_looked_at": looks}, indent=1).encode(), mode=0o644)
    return len(looks)


def _looks(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    try:
        return list(json.loads(file.read_text(encoding="utf-8"))["test_period_looked_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedRecord(
            f"{file} does not say how often the test period was looked at ({error!r}); restore it from a backup, or "
            "remove it, and the count begins anew"
        ) from error
