"""Files that are replaced whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from resources.durable_files import replace_file


def test_a_file_is_replaced_whole_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for data in (b"long content", b"short"):
        replace_file(path, data, mode=0o640)
        assert path.read_bytes() == data
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["state.json"]


def test_a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("resources.durable_files.os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        replace_file(path, b"new", mode=0o640)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state.json"]
