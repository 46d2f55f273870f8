"""What a person gets wrong with `decide` ends in one sentence."""

import json
from pathlib import Path

import pytest

from tests.unit.pipelines.cli.conftest import Refused

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of files that hold no request."""
    for name, text in {"array": "[1]", "broken": "{", "binary": "\0"}.items():
        (tmp_path / f"{name}.json").write_text(text)
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("none.json", "none.json cannot be read (No such file or directory)"),
        ("[/x]/[old].json", "[/x]/[old].json cannot be read"),
        ("folder", "folder cannot be read (Is a directory)"),
        ("array.json", "array.json holds JSON, but no object"),
        ("broken.json", "broken.json is not JSON"),
        ("binary.json", "binary.json is not JSON"),
    ],
)
def test_a_file_without_a_request_is_one_sentence(file: str, said: str, files: Path, refused: Refused) -> None:
    """The sentence names the file, what is wrong with it and what would be right."""
    assert said in refused(f"decide credit_risk --request {files}/{file}")


def test_a_request_is_an_object(files: Path, refused: Refused) -> None:
    """An object gets as far as the service, which does not run."""
    (files / "request.json").write_text(json.dumps({"amount": 1}))
    assert "does not answer" in refused(f"decide credit_risk --request {files}/request.json")
