"""Spark sessions.

Belongs here: how a session is set up (UTC, Arrow, page checksums, the workers' interpreter and code), its lifetime, and
how much data is worth one. Does not belong here: jobs (`assets.features.table.spark_job`).

On a cluster the driver sends `assets` and `resources` to the executors, which therefore always run the driver's code. A
worker needs the locked packages for the same Python, under the driver's path or the one in PYSPARK_PYTHON (the image
`loopline-dagster` has them), a route to the driver's address, and the lake: the same mount, or its S3 credentials.
"""

import os
import socket
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from resources.environments import CHECKOUT
from resources.lake import DataFile

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOGGING = CHECKOUT / "infra" / "spark" / "log4j2.properties"
# A session lives for minutes and mostly moves bytes: the JVM's optimising compiler costs more time than it saves.
# What it says of an archive of classes that does not fit is no concern of whoever runs a job.
_JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -Xlog:disable -Xlog:all=error:stderr"
LARGE_BYTES = 256 * 2**20
"""Size of data files from which on a session pays: some ten million rows, more than one process should hold as text."""


def class_archive() -> Path:
    """Where this environment's archive of Spark's classes lies, or would lie."""
    import pyspark

    return Path(sys.prefix) / "share" / "loopline" / f"spark-{pyspark.__version__}.jsa"


class SparkSessions:
    """The Spark session of this process, started on first use.

    Args:
        large_bytes: Size of data files that are worth a session, for work that one process could do too.
        java_options: Further options of the virtual machines; of themselves they read the archive of classes.
    """

    def __init__(
        self, master: str, home: Path, *, large_bytes: int = LARGE_BYTES, java_options: str | None = None
    ) -> None:
        self._master, self._home, self._large_bytes = master, home, large_bytes
        self._java_options = java_options

    def is_worth(self, files: Iterable[DataFile]) -> bool:
        """Whether the rows of these files are read in Spark tasks, and not in this process."""
        return sum(file.bytes for file in files) >= self._large_bytes

    def session(self) -> "SparkSession":
        """The running session, or a new one (5 to 8 seconds); its log is `spark/spark.log` of the home."""
        from pyspark.sql import SparkSession

        from resources.spark.java import use_java

        running = SparkSession.getActiveSession()
        if running is not None:  # finding a Java starts one, which a run of a day need not
            return running
        use_java(os.environ, self._home)
        cluster = not self._master.startswith("local")
        if not cluster:
            os.environ["PYSPARK_PYTHON"] = sys.executable
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
        address = _address_toward(self._master) if cluster else "127.0.0.1"
        os.environ.setdefault("SPARK_LOCAL_IP", address)
        # Without such a file, or of another Java, a virtual machine starts as if it had not been named.
        java_options = f"{_JAVA_OPTIONS} {self._java_options or f'-XX:SharedArchiveFile={class_archive()}'}"
        local = self._home / "spark"
        local.mkdir(parents=True, exist_ok=True)
        builder = (
            SparkSession.builder.master(self._master)
            .appName("loopline")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.execution.arrow.pyspark.enabled", "true")
            # A record is a compressed block of many rows: a batch holds few, and a shuffle need not compress again.
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", "16")
            .config("spark.shuffle.compress", "false")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.host", address)
            .config("spark.driver.bindAddress", address)
            .config("spark.driver.memory", "4g")
            .config("spark.driver.extraJavaOptions", f"{java_options} -Dlog4j2.configurationFile=file:{_LOGGING}")
            .config("spark.executor.extraJavaOptions", java_options)
            .config("spark.local.dir", str(local))
            .config("spark.sql.warehouse.dir", str(local / "warehouse"))
            .config("spark.hadoop.parquet.page.write-checksum.enabled", "true")
            .config("spark.hadoop.parquet.page.verify-checksum.enabled", "true")
            .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        )
        if cluster:
            builder = builder.config("spark.submit.pyFiles", str(_packed_code(local)))
        with _quiet_processes(local / "spark.log"):
            return builder.getOrCreate()

    def stop(self) -> None:
        """Ends the session if one is running."""
        from pyspark.sql import SparkSession

        running = SparkSession.getActiveSession()
        if running is not None:
            running.stop()


@contextmanager
def _quiet_processes(log: Path) -> Iterator[None]:
    """Processes that are started within the block write their standard error to a file; after a failure it is shown.

    The Java virtual machine inherits standard error, and writes to it before its settings are read.
    """
    inherited, start = os.dup(2), log.stat().st_size if log.exists() else 0
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(inherited, 2)
    except Exception:
        with log.open("rb") as file:
            file.seek(start)
            sys.stderr.write(file.read().decode("utf-8", "replace"))
        raise
    finally:
        os.close(inherited)


def _address_toward(master: str) -> str:
    """This machine's address on the route to the cluster; finding it sends nothing."""
    place = urlsplit(master.removeprefix("k8s://"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((place.hostname, place.port or 443))
        return str(probe.getsockname()[0])


def _packed_code(folder: Path) -> Path:
    """`assets` and `resources` as a zip that executors import from."""
    target = folder / "loopline-code.zip"
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".code.", suffix=".zip")
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for package in ("assets", "resources"):
            for path in sorted((CHECKOUT / package).rglob("*.py")):
                packed.write(path, path.relative_to(CHECKOUT))
    os.replace(name, target)
    return target
