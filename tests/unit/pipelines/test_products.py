"""A product whose folder is wrong ends every command in one sentence: file, value, remedy."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pipelines
from pipelines import products
from pipelines.cli import app

Edit = Callable[[str], str]
NAME = "broken_product"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of `card_fraud` under another name, which the command line finds."""
    copy = tmp_path / NAME
    shutil.copytree(Path(pipelines.__file__).parent / "card_fraud", copy, ignore=shutil.ignore_patterns("__pycache__"))
    for file in copy.glob("*.py"):
        text = file.read_text().replace("pipelines.card_fraud", f"pipelines.{NAME}")
        file.write_text(text.replace('name="card_fraud"', f'name="{NAME}"'))
    monkeypatch.setattr(pipelines, "__path__", [*pipelines.__path__, str(tmp_path)])
    monkeypatch.setattr(products, "PRODUCTS", tmp_path)
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path / "home"))
    yield copy
    for name in [name for name in sys.modules if name.startswith(f"pipelines.{NAME}")]:
        del sys.modules[name]


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What `loopline features` says; anything but a sentence and status 1 fails the test."""
    monkeypatch.setattr(sys, "argv", ["loopline", "features", NAME])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 1
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("features.py", "request=(", "request=Number('amount') or (", "request= is the one feature 'amount'"),
        ("features.py", "history=(", "history=terminal.count(days(1)) or (", "history= is the one feature"),
        ("product.py", f'name="{NAME}"', 'name="other"', "declares the product 'other', but its folder is"),
        ("product.py", "PRODUCT = Product(", "PRODUKT = Product(", "has no PRODUCT; write PRODUCT = "),
        ("product.py", "sources=(", "sources=Files('a', pattern='a.csv') or (", "sources is Files"),
        ("product.py", 'row_id="transaction_id", s', 'row_id="transaction_id", passthrough=("amount"), s',
         "spine.passthrough is 'amount' and not a tuple; write a comma after it"),
        ("product.py", '    impact="standard",\n', "", "product.py, line 24: .*missing 1 required .* 'impact'"),
        ("product.py", "timedelta(days=7)", "timedelta(dayz=7)", "product.py, line .*dayz.*correct the declaration"),
        ("product.py", "import FEATURES", "import FEATURE", "product.py, line .*cannot import name 'FEATURE'"),
        ("product.py", "features=FEATURES,", "features=FEATURES", "product.py, line .*write it in Python"),
    ],
)  # fmt: skip
def test_a_declaration_that_is_wrong_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str,
    sentence: str,
) -> None:  # fmt: skip
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    found = said(capsys, monkeypatch)
    assert re.search(sentence, found), found
    assert "Traceback" not in found


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("known_at: known_at\n", "", "card_transactions.yaml lacks known_at; its parts are source, description"),
        ("known_at: known_at\n", "known_at:\n", "known_at is None; write a text"),
        ("  known_at: {type", "  arrived: {type", "'known_at' is used as key or time but is not one of its columns"),
        ("known_at: known_at\n", "knownat: known_at\n", "lacks known_at and has knownat, which no contract has"),
        ("key: [transaction_id]", "key: transaction_id", "key is 'transaction_id'; write a list"),
        ("key: [transaction_id]", "key: []", "key is empty"),
        ("max_quarantined: 0.02", "max_quarantined: 2%", "max_quarantined is '2%'; write a share from 0 to 1"),
        ("{type: string, description: the card}", "string", "column card_id is 'string'; write its parts"),
        ("{type: string, description: the card}", "{description: the card}", "column card_id lacks type"),
        ("{type: string, description: the card}", "{type: string, description: x, units: 1}", "card_id has units"),
        ("columns:\n", "consent: {source: x}\ncolumns:\n", "consent lacks subject, purpose"),
        ("source: card_transactions\n", "source: [\n", "not YAML"),
    ],
)
def test_a_contract_that_is_wrong_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, old: str, new: str, sentence: str
) -> None:
    file = folder / "contracts" / "card_transactions.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    found = said(capsys, monkeypatch)
    assert sentence in found
    assert "Traceback" not in found
    assert "__init__" not in found


@pytest.mark.parametrize("text", ["", "[]", "just words", "columns: 5"])
def test_a_file_that_is_no_contract_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (folder / "contracts" / "card_transactions.yaml").write_text(text)
    assert "card_transactions.yaml" in said(capsys, monkeypatch)
