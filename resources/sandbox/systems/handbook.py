"""The public card payments of the Fraud Detection Handbook, in the same landing zone as the invented ones.

Belongs here: reading the Handbook's monthly Parquet files. Does not belong here: inventing payments
(`resources.sandbox.world.cards`).
"""

import hashlib
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from resources.sandbox.systems.card_files import CardSummary, filled_cards, write_cards
from resources.sandbox.systems.landing import Progress, days_touched, quiet
from resources.sandbox.systems.origin import local_folder
from resources.sandbox.world.card_feeds import LABEL_DELAY_DAYS
from resources.sandbox.world.cards import Cards
from resources.sandbox.world.incidents import SandboxError

_COLUMNS = ("TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD")


def fill_cards_from_handbook(folder: Path, *, landing: str | Path, progress: Progress = quiet) -> CardSummary:
    """Fills `card_transactions/{day}.csv` and `fraud_labels/{day}.csv` from the Handbook's files.

    A card is a customer of the Handbook. A label becomes known 7 days after its transaction, so the files of labels end
    7 days after the last transaction.

    Args:
        folder: Monthly files such as `2018-04.parquet`, with columns TRANSACTION_ID, TX_DATETIME (UTC), CUSTOMER_ID,
            TERMINAL_ID, TX_AMOUNT, TX_FRAUD (0 or 1).

    Raises:
        SandboxError: The folder has no such files, a file lacks a column or a value, or the landing zone was filled
            from another origin.
    """
    target = local_folder(landing, "landing zone")
    files = _files(folder)
    digest = _digest(files)
    found = filled_cards(target, origin="handbook", digest=digest)
    if found is not None:
        return found
    progress(f"reading {len(files)} files of {folder}")
    cards = _read(files)
    first_day, last_day = days_touched(cards.at)
    return write_cards(
        target,
        cards,
        origin="handbook",
        digest=digest,
        first_day=first_day,
        last_day=last_day,
        last_label_day=last_day + timedelta(days=LABEL_DELAY_DAYS),
        settings=None,
        progress=progress,
    )


def read_handbook(folder: Path) -> Cards:
    """The Handbook's payments, in the order of (moment, transaction).

    Raises:
        SandboxError: The folder has no such files, or a file lacks a column or a value.
    """
    return _read(_files(folder))


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise SandboxError(f"{folder} has no *.parquet file; name the folder of the Handbook's monthly files")
    return files


def _digest(files: list[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.name}\n".encode())
        with path.open("rb") as content:
            total.update(hashlib.file_digest(content, "sha256").digest())
    return total.hexdigest()


def _read(files: list[Path]) -> Cards:
    table = pa.concat_tables([_part(path) for path in files])
    for name in _COLUMNS:
        if table[name].null_count:
            raise SandboxError(
                f"{files[0].parent}: {table[name].null_count} rows have no {name}; the files are damaged"
            )
    if table.num_rows == 0:
        raise SandboxError(f"{files[0].parent}: the files have no rows; is the copy complete?")
    at, number = table["TX_DATETIME"].cast(pa.int64()).to_numpy(), table["TRANSACTION_ID"].to_numpy()
    order = np.lexsort((number, at))
    cents = table["TX_AMOUNT"].to_numpy()
    card, terminal, fraud = (table[name].to_numpy() for name in ("CUSTOMER_ID", "TERMINAL_ID", "TX_FRAUD"))
    return Cards(number[order], card[order], terminal[order], at[order], cents[order], fraud[order])


def _part(path: Path) -> pa.Table:
    """The rows of one file: times in microseconds, amounts in cents, the rest as whole numbers.

    Raises:
        SandboxError: It is not a whole Parquet file, a column is missing or there twice, or a value is no number.
    """
    try:
        schema = pq.read_schema(path)
        missing = [name for name in _COLUMNS if name not in schema.names]
        if missing:
            raise SandboxError(
                f"{path} lacks {', '.join(missing)}; it has {', '.join(schema.names)}: is it a file of the Handbook?"
            )
        twice = [name for name in _COLUMNS if schema.names.count(name) > 1]
        if twice:
            raise SandboxError(f"{path} has {twice} more than once; have it written again")
        rows = pq.read_table(path, columns=list(_COLUMNS))
        cents = pc.round(pc.multiply(rows["TX_AMOUNT"].cast(pa.float64()), 100.0))
        return pa.table(
            {
                **{name: rows[name].cast(pa.int64()) for name in ("TRANSACTION_ID", "CUSTOMER_ID", "TERMINAL_ID")},
                "TX_DATETIME": rows["TX_DATETIME"].cast(pa.timestamp("us")),
                "TX_AMOUNT": cents.cast(pa.int64()),
                "TX_FRAUD": rows["TX_FRAUD"].cast(pa.int8()),
            }
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise SandboxError(
            f"{path} cannot be read ({error}): the copy was cut short, or it is no file of the Handbook; copy it again"
        ) from error
