"""`loopline new` and `loopline check` of tables as people have them, by a person who knows nothing yet."""

import importlib
import json
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import pipelines
from pipelines import products
from pipelines.operations import new_product as drafting
from tests.integration.demo_home import Answer
from tests.support.data.workbooks import Cell, workbook
from tests.support.processes.in_process import answer_of

HEAD = ["Order No.", "Ordered at", "Customer", "Amount (EUR)", "Region", "Returned"]
TIMES = [datetime(2026, 1, 5, 8) + timedelta(hours=5 * n, minutes=n % 60) for n in range(400)]


def rows() -> list[list[Any]]:
    """Orders of two months and a half."""
    chance = random.Random(1)
    return [
        [f"A-{n:05}", time, f"K{n % 37:03}", round(chance.gammavariate(2, 60), 2),
         chance.choice(["Nord", "Süd", "West"]), int(chance.random() < 0.2)]
        for n, time in enumerate(TIMES)
    ]  # fmt: skip


class Stranger:
    """A person at the command line, with a home and a place of products of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def asks(self, *command: str) -> Answer:
        importlib.invalidate_caches()
        answer = answer_of([*command, "--json"], {"LOOPLINE_HOME": str(self.folder / "home")})
        assert "Traceback" not in answer.people
        return answer

    def drafts(self, name: str, file: str, *options: str) -> Answer:
        return self.asks("new", name, "--from", str(self.folder / file), *options)

    def refused(self, name: str, file: str, *options: str) -> str:
        """Why it is not drafted; nothing of it may stay."""
        answer = self.drafts(name, file, *options)
        assert answer.status == 1, answer.told
        assert not (self.folder / "pipelines" / name).exists()
        return str(answer.told["error"]["message"])

    def checked(self, name: str) -> dict[str, tuple[str, str]]:
        answer = self.asks("check", name)
        assert answer.status == 0, answer.people
        return {one["name"]: (one["state"], one["detail"]) for one in answer.told["results"]}

    def workbook(self, file: str, *above: list[Cell], below: tuple[list[Cell], ...] = (), merged: str = "") -> None:
        content = workbook({"Data": [*above, HEAD, *rows(), *below]}, merged=[merged] if merged else ())
        (self.folder / file).write_bytes(content)


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    place, workspace = tmp_path / "pipelines", tmp_path / "workspace.yaml"
    place.mkdir()
    workspace.write_text("load_from:\n")
    for module in (products, drafting):
        monkeypatch.setattr(module, "PRODUCTS", place)
    monkeypatch.setattr(drafting, "WORKSPACE", workspace)
    monkeypatch.setattr(pipelines, "__path__", [*pipelines.__path__, str(place)])
    yield Stranger(tmp_path)
    for name in [name for name in sys.modules if name.startswith("pipelines.shop")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def test_a_sheet_below_a_title(stranger: Stranger) -> None:
    title: list[Cell] = ["Returns 2026", None, None, None, None, None]
    stranger.workbook("plain.xlsx", title)
    said = stranger.refused("shop", "plain.xlsx")
    assert "values in column B, whose header is empty" in said
    assert said.endswith("name the line with the names of the columns with header_line=: option --header-line")
    stranger.workbook("merged.xlsx", title, merged="A1:F1")
    assert stranger.refused("shop", "merged.xlsx").endswith("header_line=, or unmerge them: option --header-line")

    assert stranger.drafts("shop", "merged.xlsx", "--header-line", "2", "--label", "Returned").status == 0
    found = stranger.checked("shop")
    # The time is the day of a row, and the label another source of the same sheet: neither is news, nor a feature.
    assert found["source merged"] == ("passed", found["source merged"][1])
    assert "not in the contract" not in found["source merged"][1] + found["source merged_labels"][1]
    assert found["row id"] == ("passed", "order_no: 9 different")

    stranger.workbook("total.xlsx", below=(["Total", None, None, 12345.6, None, None],))
    said = stranger.refused("shop_total", "total.xlsx", "--label", "Returned")
    assert "Ordered at holds times, but not in every row, as where a total ends the table" in said


def test_a_csv_with_semicolons_and_decimal_commas(stranger: Stranger) -> None:
    def write(file: str, time: str, *, above: str = "", words: str = "01", encoding: str = "utf-8") -> None:
        lines = [";".join(HEAD)]
        lines += [";".join((o, f"{t:{time}}", k, f"{a}".replace(".", ","), r, words[x])) for o, t, k, a, r, x in rows()]
        (stranger.folder / file).write_text(above + "\n".join(lines) + "\n", encoding=encoding)

    returned = ("--label", "Returned")
    write("german.csv", "%d.%m.%Y %H:%M")
    said = stranger.refused("shop", "german.csv", *returned)
    assert "Ordered at holds times that are text here; deliver them in ISO-8601, as 2026-03-01T14:03" in said
    write("latin.csv", "%Y-%m-%d %H:%M", encoding="latin-1")
    assert stranger.refused("shop", "latin.csv", *returned).endswith("(encoding='latin-1'): option --encoding")
    assert "encoding 'latin-99' is unknown" in stranger.refused("shop", "latin.csv", "--encoding", "latin-99")
    write("title.csv", "%Y-%m-%d %H:%M", above="Returns 2026\n\n")
    said = stranger.refused("shop", "title.csv", *returned)
    assert "401 lines are no rows under the header on line 1, as where a title stands above it" in said
    write("plain.csv", "%Y-%m-%d %H:%M", above="Returns 2026\n")
    text = (stranger.folder / "plain.csv").read_text().replace(",", ".")
    (stranger.folder / "plain.csv").write_text(text)
    assert "401 lines are no rows under the header on line 1" in stranger.refused("shop", "plain.csv", *returned)
    assert stranger.drafts("shop_titled", "plain.csv", *returned, "--header-line", "2").status == 0
    write("words.csv", "%Y-%m-%d %H:%M", words="NY")
    worded = stranger.drafts("shop_worded", "words.csv", *returned)
    assert worded.status == 0, worded.people
    assert "positive: Returned is Y" in worded.people

    drafted = stranger.drafts("shop", "latin.csv", *returned, "--encoding", "latin-1", "--entity", "Customer")
    assert drafted.status == 0, drafted.people
    comma = "Amount (EUR) holds numbers with a decimal comma, which are text here; deliver them with a point"
    assert comma in drafted.told["guessed"]
    assert comma in drafted.people
    found = stranger.checked("shop")
    assert {state for name, (state, _) in found.items() if name != "label"} == {"passed"}
    assert "left out" not in found["source latin"][1]


def test_json_lines_with_nested_values(stranger: Stranger) -> None:
    lines = [
        json.dumps({"id": o, "at": f"{t.isoformat()}Z", "customer": {"id": k, "region": r}, "items": [{"price": a}],
                    "amount": a, "fraud": bool(x)})
        for o, t, k, a, r, x in rows()
    ]  # fmt: skip
    (stranger.folder / "orders.jsonl").write_text("\n".join(lines) + "\n")
    said = stranger.refused("shop", "orders.jsonl", "--entity", "customer.id")
    assert said == (
        "--entity customer.id: the sample has no such column; customer holds nested values (JSON), and is no feature; "
        "deliver their parts as columns of their own"
    )
    drafted = stranger.drafts("shop", "orders.jsonl")
    assert drafted.status == 0, drafted.people
    told = drafted.told["guessed"]
    assert [word.split()[0] for word in told if "nested values" in word] == ["customer", "items"]
    assert not any(word.startswith("entity") for word in told), "a nested value is no entity"
    assert products.load_product("shop").features.names == ("amount",)
    assert stranger.checked("shop")["source orders"][0] == "passed"
