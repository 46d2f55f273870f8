"""The source systems of an answering bank: each day's rows are added to what is there.

Belongs here: writing a day of a source to its place: database, daily files, API, stream. Does not belong here: which
rows (`bank.py`), filling whole periods (`resources.sandbox.systems`), whose layouts these are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from resources.sandbox.systems.database import TABLES
from resources.sandbox.systems.rows_text import csv_bytes, json_rows

FILES = ("transactions", "card_transactions", "fraud_labels")


@dataclass(frozen=True)
class Places:
    """Where the bank's sources are read.

    Attributes:
        database_url: SQLAlchemy address of an SQLite database.
        landing: Folder of `{source}/{day}.csv`.
        stream: Folder of `repayments.jsonl`.
        bureau_data: Folder of `reports/{day}.json`.
    """

    database_url: str
    landing: Path
    stream: Path
    bureau_data: Path

    def prepare(self) -> None:
        """Makes the places, empty."""
        for folder in (*(self.landing / name for name in FILES), self.stream, self.bureau_data / "reports"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.stream / "repayments.jsonl").touch()
        with self._database() as engine:
            sa.MetaData().create_all(engine)
            for table in TABLES.values():
                table.create(engine, checkfirst=True)

    def add(self, source: str, day: date, rows: pa.Table) -> None:
        """Adds the rows of a day of a source."""
        if source in TABLES:
            self._insert(source, rows)
        elif source in FILES:
            self._file(self.landing / source / f"{day}.csv", csv_bytes(rows, tuple(rows.column_names)))
        elif source == "bureau_reports":
            text = "[" + ",\n".join(json_rows(rows).to_pylist()) + "]\n"
            self._file(self.bureau_data / "reports" / f"{day}.json", text.encode())
        else:
            lines = b"".join(text.encode() + b"\n" for text in json_rows(rows).to_pylist())
            with (self.stream / f"{source}.jsonl").open("ab") as out:
                out.write(lines)

    def compact(self, source: str) -> None:
        """Drops the messages of a stream that are there already, as its owner does after a producer wrote twice."""
        path = self.stream / f"{source}.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        self._file(path, b"".join(dict.fromkeys(lines)))

    def _insert(self, source: str, rows: pa.Table) -> None:
        if rows.num_rows:
            with self._database() as engine, engine.begin() as connection:
                connection.execute(sa.insert(TABLES[source]), rows.to_pylist())

    @contextmanager
    def _database(self) -> Iterator[sa.Engine]:
        Path(sa.make_url(self.database_url).database or "").parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(self.database_url)
        # What a machine that loses its power would lose here is invented, and no day of it is read before its end.
        sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
        try:
            yield engine
        finally:
            engine.dispose()

    @staticmethod
    def _file(path: Path, content: bytes) -> None:
        staging = path.with_name(f".{path.name}.part")
        staging.write_bytes(content)
        staging.replace(path)
