"""The commands about the decision service's callers."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.governance.audit_database import open_audit
from assets.serving.access.keys import KeyListError
from pipelines.cli.app import app
from resources.environments import load_environment

WHO = ("--by", "Ann", "--reason", "a trial")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path))
    monkeypatch.delenv("LOOPLINE_ENV", raising=False)
    return tmp_path


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["keys", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked_with_two_lines_of_audit(home: Path) -> None:
    added = json.loads(run("add", "--name", "web-shop", "--role", "explain", "--role", "decide", *WHO, "--json"))
    assert added["roles"] == ["decide", "explain"]
    assert re.fullmatch(r"llk_[0-9a-f]{12}_[\w-]{43}", added["key"])
    assert "web-shop" in run("list")
    secret = added["key"].split("_", 2)[2]
    assert secret not in run("list", "--json")
    assert json.loads(run("revoke", "--name", "web-shop", *WHO, "--json"))["revoked"]
    assert json.loads(run("list", "--json"))["keys"][0]["revoked"]
    entries = list(open_audit(load_environment().records).entries())
    assert [(one.action, one.actor, one.details["name"]) for one in entries] == [
        ("key_added", "Ann", "web-shop"), ("key_revoked", "Ann", "web-shop"),
    ]  # fmt: skip
    written = [file.read_bytes() for file in home.rglob("*") if file.is_file()]
    assert not any(secret.encode() in content for content in written), "the key is kept nowhere"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "--name", "shop", "--role", "admin"), "role 'admin' is unknown"),
        (("add", "--name", "../shop", "--role", "decide"), "is not a name"),
        (("add", "--name", "shop", "--role", "decide", "--limit", "fast"), "write it as 20/second"),
        (("revoke", "--name", "nobody"), "no valid key is named 'nobody'"),
    ],
)
def test_a_mistake_changes_nothing(arguments: tuple[str, ...], words: str) -> None:
    done = CliRunner().invoke(app, ["keys", *arguments, *WHO])
    assert done.exit_code == 1
    assert words in str(done.exception)
    assert json.loads(run("list", "--json")) == {"keys": []}


def test_a_name_is_of_one_valid_key() -> None:
    run("add", "--name", "shop", "--role", "decide", *WHO)
    done = CliRunner().invoke(app, ["keys", "add", "--name", "shop", "--role", "decide", *WHO])
    assert isinstance(done.exception, KeyListError)
    run("revoke", "--name", "shop", *WHO)
    run("add", "--name", "shop", "--role", "operate", *WHO)
