"""A Spark session starts without a word on the console, and with all of them after a failure."""

import os
import subprocess
import sys
from pathlib import Path

from resources.spark.class_archive import make_class_archive
from resources.spark.sessions import class_archive

_START = """
import sys
from pathlib import Path
from resources.spark.sessions import SparkSessions
sessions = SparkSessions("local[1]", Path(sys.argv[1]))
print("before", file=sys.stderr)
spark = sessions.session()
print(spark.range(3).count())
Path(sys.argv[1], "maps").write_text(Path(f"/proc/{spark.sparkContext._gateway.proc.pid}/maps").read_text())
sessions.stop()
print("after", file=sys.stderr)
"""


def start(home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _START, str(home)], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, **variables},
    )  # fmt: skip


def test_java_and_spark_are_quiet(tmp_path: Path) -> None:
    done = start(tmp_path)
    assert (done.stdout, done.stderr) == ("3\n", "before\nafter\n")
    assert (tmp_path / "spark" / "spark.log").read_text(encoding="utf-8")


def test_java_starts_from_the_archive_of_classes(tmp_path: Path) -> None:
    """`make test` has made it; what a Java of another version says of it is no error."""
    archive = class_archive()
    if not archive.is_file():
        make_class_archive()
    assert start(tmp_path).returncode == 0
    assert str(archive) in (tmp_path / "maps").read_text(encoding="utf-8")


def test_what_java_says_is_shown_when_it_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "spark-env.sh").write_text("echo 'there is no memory for Java' >&2; exit 1\n")
    done = start(tmp_path, SPARK_CONF_DIR=str(tmp_path))
    assert done.returncode != 0
    assert "there is no memory for Java" in done.stderr
