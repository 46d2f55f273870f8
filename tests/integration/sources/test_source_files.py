"""Days whose file is odd, in runs from the landing zone to the validated table.

Each file has one stated outcome: published whole, published but for quarantined rows, refused with source, day and
remedy, or awaited. No row is lost, and no part of a day is published.
"""

import csv
import io
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from assets.product import DatabaseTable, Files, Source
from pipelines.build import build_pipeline
from pipelines.operations.loop.changed_sources import days_changed_at_source
from pipelines.operations.loop.run_job import RunFailed
from pipelines.products import load_product
from pipelines.sensors import landing_sensor
from resources.environments import load_environment
from tests.integration.conftest import LAST, Small

SOURCE = "transactions"
HEADER = ["transaction_id", "account_id", "customer_id", "event_time", "known_at", "amount", "direction", "category",
          "counterparty", "balance_after"]  # fmt: skip
FIRST = LAST - timedelta(days=59)
ROWS = 60
_MEBIBYTE = 2**20


@dataclass
class Bank:
    """A small bank whose consents are materialised; each file gets a day of its own."""

    credit: Small
    customer: str
    day: date = FIRST

    def deliver(self, content: bytes, *, settled: bool = True) -> date:
        """Puts a file in the place of the next day's, changed a day ago (`settled`) or now."""
        self.day += timedelta(days=1)
        file = self.credit.landing_file(SOURCE, self.day)
        file.write_bytes(content.replace(b"DAY", str(self.day).encode()))
        if settled:
            then = time.time() - 86_400
            os.utime(file, (then, then))
        return self.day

    def run(self, first: date | None = None) -> None:
        """Materialises the days from the first, by default the last alone, to the last in one run."""
        self.credit.make(first or self.day, self.day, f"raw_{SOURCE}", f"validated_{SOURCE}")

    def table(self, name: str, day: date | None = None) -> list[dict[str, object]]:
        table = f"credit_risk/{name}_{SOURCE}"
        if table not in self.credit.lake.tables():
            return []
        rows: list[dict[str, object]] = self.credit.lake.read(table, days=[day or self.day]).to_pylist()
        return rows

    def row(self, number: int, **values: str) -> list[str]:
        """A good row of the day; its event and its arrival are an hour after midnight."""
        good = [str(number), "A1", self.customer, "DAYT01:00:00Z", "DAYT01:00:01Z", "12.50", "debit", "card", "shop"]
        row = dict(zip(HEADER, [*good, f"{number}.25"], strict=True))
        return list((row | values).values())

    def rows(self, *odd: list[str], count: int = ROWS) -> list[list[str]]:
        return [*(self.row(number) for number in range(count)), *odd]


def text_of(rows: list[list[str]], header: list[str] = HEADER, *, quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows([header, *rows])  # type: ignore[arg-type]
    return text.getvalue().encode()


@pytest.fixture(scope="module")
def bank(filled_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    home = tmp_path_factory.mktemp("files") / "home"
    shutil.copytree(filled_bank, home)
    environment = load_environment({"LOOPLINE_HOME": str(home)})
    with dg.DagsterInstance.ephemeral() as instance:
        product = load_product("credit_risk")
        credit = Small(environment, build_pipeline(product, environment=environment), instance, product.name)
        credit.make(FIRST, FIRST, "raw_consents", "validated_consents")
        consents = credit.lake.read("credit_risk/validated_consents").to_pylist()
        customer = next(
            row["customer_id"] for row in consents if row["purpose"] == "credit_decision" and row["granted"]
        )
        yield Bank(credit, customer)


def with_bom(content: bytes) -> bytes:
    return b"\xef\xbb\xbf" + content


def quoted_header(content: bytes) -> bytes:
    names, rows = content.split(b"\n", 1)
    return b'"' + names.replace(b",", b'","') + b'"\n' + rows


ANOTHER_WRITER: dict[str, Callable[[bytes], bytes]] = {
    "as agreed": lambda content: content,
    "byte order mark": with_bom,
    "quoted header": quoted_header,
    "both": lambda content: with_bom(quoted_header(content)),
    "one quoted name after a mark": lambda c: with_bom(b'"transaction_id"' + c.removeprefix(b"transaction_id")),
    "carriage returns and line feeds": lambda c: c.replace(b"\n", b"\r\n"),
    "carriage returns and a mark": lambda c: with_bom(c.replace(b"\n", b"\r")),
    "empty lines": lambda c: b"\n\r\n" + c + b"\n\n",
    "no line break at the end": lambda c: c.rstrip(b"\n"),
    "columns without a name": lambda c: c.replace(b"\n", b",,\n"),
    "a new column": lambda c: c.replace(b"\n", b",1\n").replace(b"after,1", b"after,mcc"),
}


def test_a_file_of_another_writer_is_published(bank: Bank) -> None:
    days = {bank.deliver(change(text_of(bank.rows()))): name for name, change in ANOTHER_WRITER.items()}
    days[bank.deliver(with_bom(text_of(bank.rows(), quoting=csv.QUOTE_ALL)))] = "every value quoted"
    days_of_headers = [bank.deliver(text_of([])), bank.deliver(with_bom(text_of([], quoting=csv.QUOTE_ALL)))]
    bank.run(min(days))
    for day, name in days.items():
        ids = [row["transaction_id"] for row in bank.table("validated", day)]
        assert ids == [str(number) for number in range(ROWS)], name
        assert {row["amount"] for row in bank.table("validated", day)} == {12.5}, name
        assert bank.table("quarantine", day) == [], name
    for day in days_of_headers:
        assert (bank.table("raw", day), bank.table("validated", day)) == ([], []), "a header alone is an empty day"


def test_a_line_break_in_a_value_loses_no_row_at_any_size(bank: Bank) -> None:
    """Wherever the blocks of a parser end: in these files line breaks in values are near every such place."""
    words = ["two\nlines", "two\r\nlines", "\n\nx,y\n", 'say "\n"']
    days = []
    for size in (0, _MEBIBYTE, 17 * _MEBIBYTE):
        pad = "x" * (size // 300)
        odd = [bank.row(1_000 + n, counterparty=words[n % 4], category=pad + "card") for n in range(300)]
        days.append(bank.deliver(text_of(bank.rows(*odd))))
    bank.run(days[0])
    for day in days:
        found = {str(row["transaction_id"]): row for row in bank.table("validated", day)}
        assert len(found) == ROWS + 300
        assert [found[str(1_000 + n)]["counterparty"] for n in range(300)] == words * 75


DIALECTS = [
    *(("amount", text, "value_is_number(amount)") for text in ("1.234,56", "1,234.56", "1e400", "NaN")),
    ("amount", "", "value_is_present(amount)"),
    *(("amount", text, "") for text in ("  12  ", "1e2", "+5.5")),
    *(("transaction_id", text, "") for text in ("00123", "9007199254740992", "9007199254740993", "1e5", " 7")),
    *(
        ("event_time", text, "value_is_timestamp(event_time)")
        for text in ("1757757600", "13.09.2026 10:00", "DAYT00:00:00 Europe/Berlin", "DAYt00:10:00z")
    ),
    *(("event_time", text, "") for text in ("DAYT02:00:00+02:00", "DAY 00:10:00", "1985-06-01T00:00:00Z")),
    *(
        ("event_time", text, "time_is_no_default(event_time)")
        for text in ("0001-01-01", "1900-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
    ),
    ("event_time", "DAYT23:59:59Z", "known_at_is_not_before_event_time(known_at)"),
    ("known_at", "DAYT23:30:00-02:00", "known_at_is_on_its_day(known_at)"),
    ("known_at", "DAY 10:00:00", ""),
    ("customer_id", "C\x001", "key_can_be_stored(customer_id)"),
    ("counterparty", "a\x00b", ""),
]


def test_a_value_in_another_dialect_is_read_or_quarantined(bank: Bank) -> None:
    count = 1_000  # the odd rows must not be a large share
    odd = [bank.row(70_000 + n, **{column: value}) for n, (column, value, _) in enumerate(DIALECTS)]
    bank.deliver(text_of(bank.rows(*odd, count=count)))
    bank.run()
    assert len(bank.table("raw")) == count + len(DIALECTS)
    broken = {str(row["row_ref"]): f"{row['rule']}({row['column']})" for row in bank.table("quarantine")}
    expected = {f"{bank.day}#{count + n}": rule for n, (_, _, rule) in enumerate(DIALECTS) if rule}
    assert broken == expected
    valid = [row["transaction_id"] for row in bank.table("validated")]
    assert len(valid) == count + len(DIALECTS) - len(expected)
    ids = [value for column, value, _ in DIALECTS if column == "transaction_id"]
    assert [value for value in valid[count:] if value in ids] == ids, "an id is text, digit by digit"


def test_rows_with_too_few_or_too_many_values_are_quarantined(bank: Bank) -> None:
    bank.deliver(text_of(bank.rows(["1", "2"], [*bank.row(9), "more"])))
    bank.run()
    assert [row["rule"] for row in bank.table("quarantine")] == ["row_is_readable"] * 2
    assert len(bank.table("validated")) == ROWS


def joined(content: bytes) -> bytes:
    """A quote that is opened on one line, and closed by the quote that opens a value of a later line."""
    lines = content.split(b"\n")
    lines[5] = lines[5].replace(b"shop", b'"shop')
    lines[9] = lines[9].replace(b"shop", b'"shop, street"')
    return b"\n".join(lines)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.replace(b"shop,", b"shop,1,").replace(b"party,", b"party,amount,", 1), "'amount' more than once"),
        (
            lambda c: c.replace(b"shop,", b"shop,1,").replace(b"party,", b'party,"amount",', 1),
            "'amount' more than once",
        ),
        (
            lambda c: c.replace(b",shop,", b",shop,1,1,").replace(b"party,", b"party,x,x,", 1),
            r"the column of place \d+ more than once",
        ),
        (lambda c: c.replace(b"balance_after", b"balance", 1), "no column balance_after, but new balance"),
        (lambda c: c.replace(b",", b";").replace(b".", b","), "none of its 1 columns is in the contract"),
        (lambda c: c.replace(b"shop", "Müller".encode("latin-1"), 1), r"not a CSV file in UTF-8 \(line 2 .* 0xfc\)"),
        (lambda c: c.decode().encode("utf-16"), "not a CSV file in UTF-8"),
        (lambda c: c.decode().encode("utf-16-le"), "not a CSV file in UTF-8"),
        (joined, "begins on line 6 and is followed by other text on line 10: a quote is missing"),
    ],
)
def test_a_file_that_cannot_be_read_for_certain_is_refused(
    bank: Bank, change: Callable[[bytes], bytes], said: str
) -> None:
    day = bank.deliver(change(text_of(bank.rows())))
    with pytest.raises(RunFailed, match=f"source {SOURCE}, day {day}: .*{said}.*run the day again"):
        bank.run()
    assert (bank.table("raw"), bank.table("validated")) == ([], [])


GROWING: list[tuple[Callable[[bytes], bytes], bool, str]] = [
    (lambda c: c[:-40], True, "line 61 has 5 of 10 values"),
    (lambda c: with_bom(c[:-40]), False, "line 61 has 5 of 10 values"),
    (lambda c: c[:-2], False, "no line break at its end, and has just been changed"),
    (lambda c: c[:30], False, "no line break at its end"),
    (lambda c: b"", False, "is empty"),
    (lambda c: with_bom(b""), True, "is empty"),
    (lambda c: c[:-40] + b',"sh', True, "ends within a quoted value that begins on line 61"),
    (lambda c: c[:-40] + b',"sh\n', True, "ends within a quoted value that begins on line 61"),
    (lambda c: c.rstrip(b"\n") + "ü".encode()[:1], True, "ends within a character"),
]


def test_a_day_whose_file_still_grows_is_not_published(bank: Bank) -> None:
    change, settled, said = GROWING[0]
    day = bank.deliver(change(text_of(bank.rows())), settled=settled)
    with pytest.raises(RunFailed, match=f"source {SOURCE}, day {day}: .*{said}.*the day waits"):
        bank.run()
    assert (bank.table("raw"), bank.table("validated")) == ([], [])


def test_a_file_that_changed_after_it_was_read_is_read_again(bank: Bank) -> None:
    """The 45 rows of a file that was still growing are not the day for ever."""
    product, told = load_product("credit_risk"), list[str]()
    day = bank.deliver(text_of(bank.rows(count=45)))
    bank.run()
    assert (
        days_changed_at_source(product, bank.credit.environment, (FIRST, day), told.append)[f"raw_{SOURCE}"]
        == frozenset()
    )
    file = bank.credit.landing_file(SOURCE, day)
    file.write_bytes(text_of(bank.rows(count=89)).replace(b"DAY", str(day).encode()))
    found = days_changed_at_source(product, bank.credit.environment, (FIRST, day), told.append)
    assert (found[f"raw_{SOURCE}"], told) == (
        {day}, [f"source {SOURCE} has changed since it was read: day {day} is read again"]
    )  # fmt: skip
    bank.run()
    assert len(bank.table("validated")) == 89
    assert (
        days_changed_at_source(product, bank.credit.environment, (FIRST, day), told.append)[f"raw_{SOURCE}"]
        == frozenset()
    )


def test_the_sensor_waits_for_a_file_that_still_grows(bank: Bank) -> None:
    """It says why at each tick, and asks for the day once the file is whole, or is refused for another reason."""
    product = load_product("credit_risk")
    sensor = landing_sensor(product, bank.credit.environment)
    assert sensor is not None
    whole = text_of(bank.rows())
    day = bank.deliver(whole)
    file = bank.credit.landing_file(SOURCE, day)
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.AssetMaterialization(["credit_risk", "features"], partition=str(day - timedelta(days=1)))
        instance.report_runless_asset_event(done)
        for change, settled, said in GROWING:
            file.write_bytes(change(whole))
            if settled:
                os.utime(file, (0, 0))
            skipped = sensor(dg.build_sensor_context(instance=instance))
            assert isinstance(skipped, dg.SkipReason)
            assert re.search(f"source {SOURCE}, day {day}: .*{said}.*the day waits", str(skipped.skip_message))
        for content in (whole, with_bom(whole), whole.replace(b"amount", b"balance_after")):
            file.write_bytes(content)
            asked = sensor(dg.build_sensor_context(instance=instance))
            assert isinstance(asked, dg.RunRequest)
            assert asked.partition_key == str(day)


ODD_TIMES = {
    "": "value_is_present(known_at)", "yesterday": "value_is_timestamp(known_at)",
    "2026-02-30T00:00:00Z": "value_is_timestamp(known_at)", "9999-12-31T00:00:00Z": "known_at_is_on_its_day(known_at)",
    "1900-01-01T00:00:00Z": "known_at_is_on_its_day(known_at)",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["file", "database"])
def test_rows_without_a_readable_time_are_quarantined_on_the_first_day(bank: Bank, tmp_path: Path, kind: str) -> None:
    """From one file of all days, and from a table, each at an address that the product itself declares."""
    first = FIRST + timedelta(days=1)
    days = [first + timedelta(days=n) for n in range(3)]
    rows = [
        [value.replace("DAY", str(day)) for value in bank.row(1_000 * n + number)]
        for n, day in enumerate(days)
        for number in range(400)
    ]
    for n, at in enumerate(ODD_TIMES):
        row = bank.row(9_000 + n, known_at=at)
        rows.append([value.replace("DAY", str(first)) for value in row])
    if kind == "file":
        (tmp_path / "all.csv").write_bytes(text_of(rows))
        source: Source = Files(SOURCE, "all.csv", day_column="known_at", connection="mine")
    else:
        engine = sa.create_engine(f"sqlite:///{tmp_path}/own.db")
        with engine.begin() as connection:
            connection.execute(sa.text(f"CREATE TABLE t ({', '.join(f'{name} TEXT' for name in HEADER)})"))
            names = ", ".join(f":{name}" for name in HEADER)
            filled = [{k: v or None for k, v in zip(HEADER, row, strict=True)} for row in rows]
            connection.execute(sa.text(f"INSERT INTO t VALUES ({names})"), filled)
        engine.dispose()
        source = DatabaseTable(SOURCE, "t", connection="mine")
    product = load_product("credit_risk")
    sources = tuple(source if one.name == SOURCE else one for one in product.sources)
    address = str(tmp_path) if kind == "file" else f"sqlite:///{tmp_path}/own.db"
    own = replace(product, sources=sources, start=first, connections={"mine": address})
    definitions = build_pipeline(own, environment=bank.credit.environment)
    replace(bank.credit, definitions=definitions).make(days[0], days[-1], f"raw_{SOURCE}", f"validated_{SOURCE}")
    assert [len(bank.table("raw", day)) for day in days] == [400 + len(ODD_TIMES), 400, 400]
    assert [len(bank.table("validated", day)) for day in days] == [400] * 3
    found = {(str(row["value"] or ""), f"{row['rule']}({row['column']})") for row in bank.table("quarantine", first)}
    assert found >= set(ODD_TIMES.items())
    assert len({row["row_ref"] for row in bank.table("quarantine", first)}) == len(ODD_TIMES)
