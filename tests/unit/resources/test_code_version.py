"""The version that is recorded with a model, in a checkout, in an installed wheel and where there is neither."""

import subprocess
from pathlib import Path

import pytest

from resources import code_version as module
from resources.code_version import UnknownCodeVersion, code_version


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LOOPLINE_CODE_VERSION", raising=False)
    monkeypatch.setattr(module, "CHECKOUT", tmp_path)
    return tmp_path


def test_the_variable_goes_before_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPLINE_CODE_VERSION", " abc ")
    assert code_version() == "abc"


def test_a_commit_and_whether_it_was_changed(elsewhere: Path) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(elsewhere), *identity, *words], check=True, capture_output=True)

    git("init")
    with pytest.raises(UnknownCodeVersion, match="LOOPLINE_CODE_VERSION"):
        code_version()
    (elsewhere / "file").write_text("1")
    git("add", "file")
    git("commit", "-m", "one")
    assert len(code_version()) == 12
    (elsewhere / "file").write_text("2")
    assert code_version().endswith("+changed")


def test_an_empty_variable_and_nothing_installed_name_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPLINE_CODE_VERSION", "")

    def missing(_name: str) -> None:
        raise module.metadata.PackageNotFoundError

    monkeypatch.setattr(module.metadata, "distribution", missing)
    with pytest.raises(UnknownCodeVersion, match="set LOOPLINE_CODE_VERSION to the commit"):
        code_version()


def test_no_git_names_the_remedy(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / ".git").mkdir()
    monkeypatch.setenv("PATH", str(elsewhere))
    with pytest.raises(UnknownCodeVersion, match="the program git is not installed"):
        code_version()
