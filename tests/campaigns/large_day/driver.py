"""A stage of a large day, as a process of its own.

    python -m tests.campaigns.large_day.driver HOME MASTER STAGE LARGE_BYTES

Belongs here: running the asset of a stage, and what the process used of the machine. Does not belong here: the day,
assertions.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Literal, get_args

from tests.campaigns.large_day.planted import DAY
from tests.support.data.large_runs import SCORES, VALIDATED, materialise

Stage = Literal["validate", "score"]
STAGES: tuple[Stage, ...] = get_args(Stage)


def main(home: Path, master: str, stage: Stage, large_bytes: int) -> None:
    """Runs a stage and prints its seconds, its processor seconds, and the peak of its memory in MB."""
    begun = time.monotonic()
    asset = {"validate": VALIDATED, "score": SCORES}[stage]
    materialise(home, master, [asset], [DAY], large_bytes=large_bytes)
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "seconds": time.monotonic() - begun,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
    }
    print(json.dumps({name: round(value) for name, value in told.items()}))


if __name__ == "__main__":
    _, _home, _master, _stage, _bytes = sys.argv
    main(Path(_home), _master, next(stage for stage in STAGES if stage == _stage), int(_bytes))
