"""Secret keys."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resources.keys import Keys, MissingKey, signing_key


def test_a_local_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: signing_key({}, tmp_path, "signing"), range(32)))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    file = tmp_path / "keys" / "signing.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "keys") == ["signing.key"]


def test_each_name_has_a_key_of_its_own(tmp_path: Path) -> None:
    assert signing_key({}, tmp_path, "signing") != signing_key({}, tmp_path, "tokenisation")


def test_the_variable_gives_the_key_as_hexadecimal_or_text(tmp_path: Path) -> None:
    assert signing_key({"LOOPLINE_SIGNING_KEY": "0f" * 32}, tmp_path, "signing") == b"\x0f" * 32
    text = "correct horse battery staple, twice"
    assert signing_key({"LOOPLINE_TOKENISATION_KEY": text}, tmp_path, "tokenisation") == text.encode()
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_only_the_local_environment_makes_a_key(tmp_path: Path, stage: str) -> None:
    with pytest.raises(MissingKey, match="LOOPLINE_SIGNING_KEY is not set in the environment"):
        signing_key({"LOOPLINE_ENV": stage}, tmp_path, "signing")
    assert not (tmp_path / "keys").exists()


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingKey, match="has 5 characters"):
        signing_key({"LOOPLINE_SIGNING_KEY": "short"}, tmp_path, "signing")


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    signing_key({}, tmp_path, "signing")
    (tmp_path / "keys" / "signing.key").chmod(0o644)
    with pytest.raises(MissingKey, match="chmod 600"):
        signing_key({}, tmp_path, "signing")


def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingKey, match="is not a name"):
        signing_key({}, tmp_path, "../signing")


def test_a_bundle_of_elsewhere_is_verified_with_its_own_key_or_else_with_ours(tmp_path: Path) -> None:
    both = {"LOOPLINE_SIGNING_KEY": "0f" * 32, "LOOPLINE_IMPORT_KEY": "1f" * 32}
    assert Keys(both, tmp_path).importing == b"\x1f" * 32
    assert Keys({"LOOPLINE_SIGNING_KEY": "0f" * 32}, tmp_path).importing == b"\x0f" * 32
    assert Keys({}, tmp_path).importing == Keys({}, tmp_path).signing
    assert os.listdir(tmp_path / "keys") == ["signing.key"]
