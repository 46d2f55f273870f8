"""Spark sessions.

Belongs here: how a session is set up (UTC, Arrow, page checksums, this interpreter for the workers) and its lifetime.
Does not belong here: jobs (`assets.features.spark_job`).
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from resources.environments import CHECKOUT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOGGING = CHECKOUT / "infra" / "spark" / "log4j2.properties"


class SparkSessions:
    """Gives the session of this process; nothing starts before it is asked for."""

    def __init__(self, master: str, home: Path) -> None:
        self._master, self._home = master, home

    def session(self) -> "SparkSession":
        """The running session, or a new one (5 to 8 seconds)."""
        from pyspark.sql import SparkSession

        from resources.java import use_java

        use_java(os.environ, self._home)
        os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        local = self._home / "spark"
        local.mkdir(parents=True, exist_ok=True)
        builder = (
            SparkSession.builder.master(self._master)
            .appName("loopline")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.execution.arrow.pyspark.enabled", "true")
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", "200000")
            .config("spark.sql.shuffle.partitions", "4")
            .config("spark.sql.adaptive.enabled", "true")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.memory", "4g")
            .config("spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile=file:{_LOGGING}")
            .config("spark.local.dir", str(local))
            .config("spark.sql.warehouse.dir", str(local / "warehouse"))
            .config("spark.hadoop.parquet.page.write-checksum.enabled", "true")
            .config("spark.hadoop.parquet.page.verify-checksum.enabled", "true")
            .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        )
        return builder.getOrCreate()

    def stop(self) -> None:
        """Ends the session, if one runs."""
        from pyspark.sql import SparkSession

        running = SparkSession.getActiveSession()
        if running is not None:
            running.stop()
