"""The features of `bench_spark_features` by Spark's window functions, with Spark's defaults: a separate process.

Belongs here: a long-lived session, and one run for each line of standard input. Does not belong here: comparisons.

    python -m tests.benchmarks.peer_spark_windows FOLDER CORES   then a target folder a line; seconds come back
"""

import sys
import time

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as sf

from tests.benchmarks.bench_spark_features import DAY, WINDOWS


def write(spark: SparkSession, folder: str, target: str) -> None:
    """Range windows over the union of events and rows; keeps only the rows."""
    nothing = sf.lit(None)
    key = "entity long, event_time timestamp"
    events = (
        spark.read.schema(f"{key}, amount double")
        .parquet(f"{folder}/events")
        .select(nothing.cast("long").alias("row_id"), "entity", "event_time", "amount", sf.lit(1).alias("event"))
    )
    rows = (
        spark.read.schema(f"{key}, row_id long")
        .parquet(f"{folder}/spine")
        .select(
            "row_id", "entity", "event_time", nothing.cast("double").alias("amount"), nothing.cast("int").alias("event")
        )
    )
    columns = []
    for n in WINDOWS:
        window = Window.partitionBy("entity").orderBy(sf.unix_micros("event_time")).rangeBetween(-(n * DAY - 1), 0)
        columns += [
            sf.count("event").over(window).alias(f"count_{n}d"),
            sf.sum("amount").over(window).alias(f"sum_{n}d"),
            sf.max("amount").over(window).alias(f"max_{n}d"),
        ]
    found = events.unionAll(rows).select("row_id", "entity", sf.col("event_time").alias("as_of"), *columns)
    days = found.where("row_id IS NOT NULL").withColumn("day", sf.to_date("as_of")).repartition("day")
    days.sortWithinPartitions("day", "as_of").write.partitionBy("day").option("compression", "zstd").parquet(target)


def main(folder: str, cores: str) -> None:
    """Runs once for each line of standard input."""
    spark = (
        SparkSession.builder.master(f"local[{cores}]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        # The files are listed by the driver: a job of tasks that list a folder each took longer than the windows.
        .config("spark.sql.sources.parallelPartitionDiscovery.threshold", "10000")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    for line in sys.stdin:
        began = time.perf_counter()
        write(spark, folder, line.strip())
        print(time.perf_counter() - began, flush=True)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
