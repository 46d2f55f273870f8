"""The archive of the classes that Spark loads, from which a Java virtual machine starts in half the time.

Belongs here: making the archive. Does not belong here: where it lies, and the sessions that use it (`sessions.py`).

Spark loads some 15,000 classes before its first task. An archive of class data (JEP 350) holds them as the machine
needs them in memory. It belongs to one Java and one Spark: another Java ignores it, and works as without.

    python -m resources.spark.class_archive
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.spark.sessions import SparkSessions, class_archive

if TYPE_CHECKING:
    import pyarrow as pa

_MAKE = "-XX:ArchiveClassesAtExit="
_SECONDS = 120.0
"""For the end of the virtual machine, which writes the archive as it ends."""


def make_class_archive() -> Path:
    """Makes the archive of what a small job loads, in the place of an older one.

    Raises:
        NoJava: There is no Java of version 17 or later.
        TimeoutError: The virtual machine did not end.
    """
    archive = class_archive()
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        made = Path(folder) / archive.name
        sessions = SparkSessions("local[2]", Path(folder) / "home", java_options=f"{_MAKE}{made}")
        spark = sessions.session()
        gateway: Any = spark.sparkContext._gateway
        table = f"{folder}/table"
        spark.range(1_000).selectExpr("id", "id % 10 as key").repartition(2, "key").write.parquet(table)
        spark.read.parquet(table).mapInArrow(_same, "id long, key long").repartition(2).count()
        sessions.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()  # its end ends the virtual machine
        gateway.proc.wait(_SECONDS)
        os.replace(made, archive)
    return archive


def _same(batches: Iterable["pa.RecordBatch"]) -> Iterator["pa.RecordBatch"]:
    yield from batches


if __name__ == "__main__":
    begun = time.monotonic()
    place = make_class_archive()
    sys.stdout.write(f"{place}: {place.stat().st_size / 1e6:.0f} MB, {time.monotonic() - begun:.0f} s\n")
