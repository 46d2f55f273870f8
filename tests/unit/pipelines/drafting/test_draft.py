"""The draft of a product: from files to the text of its folder, which Python and the contracts' reader understand."""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from assets.product.contracts.file import load_contract
from assets.vocabulary import FeatureSet
from pipelines.drafting.draft import draft_product
from pipelines.drafting.parts import Draft
from pipelines.drafting.render import files_of
from pipelines.drafting.roles import Given, RoleUnclear
from pipelines.drafting.sample import FilesPlace, SampleUnreadable, read_sample

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FIRST = datetime(2026, 6, 1)


def write(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str = ",") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as lines:
        csv.writer(lines, delimiter=delimiter).writerows([header, *rows])
    return file


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """A thousand orders of fifty customers over a hundred days."""
    rows = [
        (
            f"O{n}",
            f"C{n % 50}",
            FIRST + timedelta(hours=2.4 * n),
            f"{n % 97}.50",
            "web" if n % 3 else "app",
            int(n % 5 == 0),
        )
        for n in range(1000)
    ]
    return write(
        tmp_path / "data" / "orders.csv",
        ("Order ID", "customer_id", "ordered_at", "amount", "channel", "returned"),
        rows,
    )


def draft(*places: Path, given: Given, delay: int | None = 7) -> Draft:
    samples = [read_sample(str(place)) for place in places]
    return draft_product("shop", samples, given, label_delay=None if delay is None else timedelta(days=delay), now=NOW)


def loaded(files: dict[str, str], folder: Path) -> FeatureSet:
    """Every module compiles, every contract is read; the features, as Python runs their module."""
    for path, text in files.items():
        if path.endswith(".py"):
            compile(text, path, "exec")
        if path.startswith("contracts/"):
            (folder / "contracts").mkdir(exist_ok=True)
            (folder / path).write_text(text)
            load_contract(folder / path)
    names: dict[str, object] = {}
    exec(files["features.py"], names)
    features = names["FEATURES"]
    assert isinstance(features, FeatureSet)
    return features


def test_one_table_becomes_its_rows_and_their_labels_which_are_known_later(orders: Path, tmp_path: Path) -> None:
    found = draft(orders, given=Given(label="returned"))
    assert [source.name for source in found.sources] == ["orders", "orders_labels"]
    assert (found.spine.known_after, found.labels.known_after) == (timedelta(0), timedelta(days=7))
    assert (found.first, found.last) == (date(2026, 6, 1), date(2026, 9, 15))
    assert [c.name for c in found.request] == ["amount", "channel"]
    files = dict(files_of(found))
    assert 'original: "Order ID"' in files["contracts/orders.yaml"]
    assert "returned" not in files["contracts/orders.yaml"]
    assert "end=date(2026, 9, 15)" in files["product.py"]
    features = loaded(files, tmp_path)
    assert {"amount", "channel", "customer_orders_7d", "customer_returned_share_7d"} <= set(features.names)


def test_history_that_goes_on_has_no_end(orders: Path) -> None:
    samples = [read_sample(str(orders))]
    given = Given(label="returned")
    going_on = draft_product("shop", samples, given, label_delay=timedelta(0), now=datetime(2026, 9, 10, tzinfo=UTC))
    assert going_on.last is None
    assert "end=" not in files_of(going_on)["product.py"]


def test_a_label_table_and_other_events_are_joined_by_their_columns(orders: Path, tmp_path: Path) -> None:
    visits = [(f"C{n % 50}", FIRST + timedelta(hours=5 * n), f"{n % 7}.25") for n in range(400)]
    returns = [(f"O{n}", FIRST + timedelta(hours=2.4 * n, days=9), int(n % 4 == 0)) for n in range(1000)]
    found = draft(
        orders,
        write(tmp_path / "visits.csv", ("customer_id", "visited_at", "minutes"), visits),
        write(tmp_path / "returns.csv", ("Order ID", "known", "came_back"), returns),
        given=Given(label="returns.came_back", entities=("customer_id",)),
    )
    assert [source.name for source in found.sources] == ["orders", "returns", "visits"]
    features = loaded(dict(files_of(found)), tmp_path)
    assert {"customer_visits_7d", "customer_visits_minutes_mean_7d"} <= set(features.names)


def test_labels_that_come_again_correct_the_earlier_ones(orders: Path, tmp_path: Path) -> None:
    """The label is an outcome: its last value counts, whenever it comes, and the contract lets it be corrected."""
    returns = [(f"O{n}", FIRST + timedelta(hours=2.4 * n, days=9), int(n % 4 == 0)) for n in range(1000)]
    corrected = [*returns, *((row, known + timedelta(days=20), 1 - value) for row, known, value in returns[:50])]
    header = ("Order ID", "known", "came_back")
    for name, rows, is_corrected in (("once", returns, False), ("again", corrected, True)):
        found = draft(
            orders, write(tmp_path / f"{name}.csv", header, rows), given=Given(label=f"{name}.came_back"),
        )  # fmt: skip
        files = dict(files_of(found))
        assert 'kind="outcome"' in files["product.py"]
        assert ("corrections: true" in files[f"contracts/{name}.yaml"]) is is_corrected
        (tmp_path / name).mkdir()
        loaded(files, tmp_path / name)
        contract = load_contract(tmp_path / name / "contracts" / f"{name}.yaml")
        assert (contract.key, contract.corrections) == (("order_id",), is_corrected)
        told = "a later row of again with the same Order ID corrects the earlier one"
        assert (told in found.guessed) is is_corrected


def test_a_table_without_time_is_split_at_random_and_has_no_history(tmp_path: Path) -> None:
    rows = [(n, n % 70, 1 + n % 2, int(n % 6 == 0)) for n in range(500)]
    file = write(tmp_path / "clients.csv", ("ID", "AGE", "SEX", "default payment next month"), rows)
    found = draft(file, given=Given(label="default payment next month", has_time=False), delay=None)
    files = dict(files_of(found))
    assert 'split="random"' in files["product.py"]
    assert 'passthrough=("age", "sex")' in files["product.py"]
    assert found.history == ()
    assert loaded(files, tmp_path).names == ()


def test_files_of_days_and_months_are_one_pattern(orders: Path, tmp_path: Path) -> None:
    content = orders.read_bytes()
    for name in ("2026-01", "2026-02"):
        (tmp_path / "payments").mkdir(exist_ok=True)
        (tmp_path / "payments" / f"{name}.csv").write_bytes(content)
    sample = read_sample(str(tmp_path / "payments"))
    assert (sample.name, sample.shown, sample.rows) == ("payments", "{month}.csv", 2000)
    (tmp_path / "payments" / "2026-02.csv").rename(tmp_path / "payments" / "more.csv")
    assert read_sample(str(tmp_path / "payments" / "*.csv")).shown == "*.csv"


@pytest.mark.parametrize("files", [1, 2, 5])
def test_a_large_sample_has_the_first_and_the_last_rows(
    files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its period is that of all files, its last row the last one; files in between are not read if others suffice."""
    monkeypatch.setattr("pipelines.drafting.sample.MOST_ROWS", 100)
    for month in range(1, files + 1):
        rows = [(f"{month}-{n}", f"2026-{month:02}-{1 + n // 10:02}") for n in range(250)]
        write(tmp_path / "many" / f"2026-{month:02}.csv", ("id", "at"), rows)
    for month in range(2, files):
        (tmp_path / "many" / f"2026-{month:02}.csv").write_bytes(b"\x00")
    sample = read_sample(str(tmp_path / "many"))
    assert sample.rows == 100
    assert sample.table["id"].to_pylist()[::99] == ["1-0", f"{files}-249"]
    assert [(c.low, c.high) for c in sample.facts if c.name == "at"] == [
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, files, 25, tzinfo=UTC))
    ]


def test_small_files_are_sampled_whole(orders: Path, tmp_path: Path) -> None:
    header, *lines = orders.read_text().splitlines()
    for day in range(10):
        part = [header, *lines[100 * day : 100 * (day + 1)]]
        file = tmp_path / "days" / f"2026-06-{day + 1:02}.csv"
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(part) + "\n")
    assert read_sample(str(tmp_path / "days")).table == read_sample(str(orders)).table


def test_history_in_files_of_days_ends_with_the_last_file(orders: Path) -> None:
    """The labels of its last days become known after the last file; no day without one is asked for."""
    whole = draft(orders, given=Given(label="returned"))
    split = orders.rename(orders.with_name("2026-06.csv"))
    orders.with_name("2026-09.csv").write_bytes(split.read_bytes())
    found = draft(orders.parent, given=Given(label="returned", row_id="Order ID"))
    assert found.spine.sample.shown == "{month}.csv"
    assert (whole.last, found.last) == (date(2026, 9, 15), date(2026, 9, 8))


@pytest.mark.parametrize(
    ("names", "shown", "partition"),
    [
        (("2026-06", "2026-09"), "{month}.csv", "month"),
        (("2026-W23", "2026-W36"), "{week}.csv", "week"),
        (("2026-06-01", "2026-09-08"), "{day}.csv", "day"),
        (("2026-06-01T00", "2026-09-08T23"), "{day}T{hour}.csv", "hour"),
        (("2026-06-01_00", "2026-09-08_23"), "{day}_{hour}.csv", "hour"),
        (("june", "september"), "*.csv", "day"),
    ],
)
def test_the_time_of_a_file_is_the_proposed_partition(
    names: tuple[str, str], shown: str, partition: str, orders: Path, tmp_path: Path
) -> None:
    first = orders.rename(orders.with_name(f"{names[0]}.csv"))
    orders.with_name(f"{names[1]}.csv").write_bytes(first.read_bytes())
    found = draft(orders.parent, given=Given(label="returned", row_id="Order ID"))
    assert (found.spine.sample.shown, found.partition) == (shown, partition)
    line = f'    partition="{partition}",  # guessed\n'
    assert (line in files_of(found)["product.py"]) is (partition != "day")


def test_a_semicolon_is_found(tmp_path: Path) -> None:
    sample = read_sample(str(write(tmp_path / "a.csv", ("id", "price"), [(1, "2,5"), (2, "3,5")], delimiter=";")))
    assert isinstance(sample.place, FilesPlace)
    assert (sample.place.form.delimiter, sample.table.column_names) == (";", ["id", "price"])


def test_what_cannot_be_drafted_says_what_to_write(orders: Path, tmp_path: Path) -> None:
    with pytest.raises(SampleUnreadable, match="names no file; write the path"):
        read_sample(str(tmp_path / "nowhere.csv"))
    with pytest.raises(SampleUnreadable, match="has no rows"):
        read_sample(str(write(tmp_path / "empty.csv", ("id", "price"), [])))
    with pytest.raises(RoleUnclear, match="--label visits.x: no sample is named visits; there are orders"):
        draft(orders, given=Given(label="visits.x"))
    other = write(tmp_path / "other.csv", ("who", "at"), [("a", FIRST)])
    with pytest.raises(RoleUnclear, match="other has none of the columns customer_id"):
        draft(orders, other, given=Given(label="returned"))


@pytest.fixture
def contracts_in_german(tmp_path: Path) -> Path:
    """A table as a German system exports it: odd names, umlauts, words for the label, an empty column."""
    rows = [
        (f"V{n}", f"K{n % 50}", FIRST + timedelta(hours=2.4 * n), n % 40, "", "ja" if n % 5 == 0 else "nein")
        for n in range(1000)
    ]
    names = ("Vertrags-Nr.", "Kunden Nr", "Datum/Uhrzeit", "Größe (m²)", "leer 1", "gekündigt?")
    return write(tmp_path / "data" / "kündigungen_aller_kunden_der_filialen.csv", names, rows, delimiter=";")


def test_names_keep_their_letters_and_a_label_may_be_a_word(contracts_in_german: Path, tmp_path: Path) -> None:
    found = draft(contracts_in_german, given=Given(label="gekündigt?"))
    assert (found.spine.name, found.positive, found.positives) == ("kuendigungen_aller_kunden_der_filialen", "ja", 0.2)
    assert "positive: gekündigt? is ja" in found.guessed
    files = dict(files_of(found))
    assert 'positive=("ja",)' in files["product.py"]
    assert 'question="Will gekündigt be ja?"' in files["product.py"]
    assert "Größe (m²) is higher than usual" in files["product.py"]
    assert (
        'groesse_m2: {type: integer, description: "Größe (m²)", original: "Größe (m²)"}'
        in (files["contracts/kuendigungen_aller_kunden_der_filialen.yaml"])
    )
    assert "kunden_nr_gekuendigt_share_7d" in loaded(files, tmp_path).names
    assert max(len(line) for line in files["features.py"].splitlines()) <= 120


def test_a_word_that_says_neither_yes_nor_no_is_asked_for(contracts_in_german: Path) -> None:
    with pytest.raises(RoleUnclear, match="--positive doch: gekündigt. holds ja, nein"):
        draft(contracts_in_german, given=Given(label="gekündigt?", positive="doch"))
    with pytest.raises(RoleUnclear, match="--label Kunden Nr: it is a string; name the text of the rows that turned"):
        draft(contracts_in_german, given=Given(label="Kunden Nr"))
    assert draft(contracts_in_german, given=Given(label="gekündigt?", positive="nein")).positives == 0.8


@pytest.mark.parametrize("name", ["abo", "shop"])
def test_the_imports_of_a_draft_are_in_order(name: str, orders: Path) -> None:
    """Whatever its name, `make lint` has nothing to say."""
    sample = read_sample(str(orders))
    found = draft_product(name, [sample], Given(label="returned"), label_delay=timedelta(days=7), now=NOW)
    lines = [line for line in files_of(found)["definitions.py"].splitlines() if line.startswith("from ")]
    assert lines == sorted(lines)
