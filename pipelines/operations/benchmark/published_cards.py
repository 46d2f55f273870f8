"""The published card transactions with the features of the product `card_fraud`.

Belongs here: where the files are, and the rows as models see them, by the product's own kernel. Does not belong here:
which rows train and test (`protocol.py`), models (`card_models.py`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.bundle.encoder import Encoder
from assets.features.kernel.kernel import compile_features
from assets.product import Product
from assets.training.rows.learning import TrainingRows
from resources.errors import LooplineError
from resources.moments import DAY_US, midnight_us
from resources.sandbox.systems.handbook import read_handbook
from resources.sandbox.world.card_feeds import LABEL_DELAY_DAYS
from resources.sandbox.world.cards import Cards

REAL_DATA = "LOOPLINE_REAL_DATA"
FOLDER = "card_transactions"
FIRST_DAY = date(2018, 4, 1)
_TIME = pa.timestamp("us", tz="UTC")


class NoPublishedData(LooplineError):
    """The published files are not given; the message names the option and the variable."""


@dataclass(frozen=True, eq=False)
class PublishedCards:
    """Transactions in the order of (moment, transaction).

    Attributes:
        rows: Features and labels.
        day: int64 [n], days since FIRST_DAY.
        card: int64 [n].
    """

    rows: TrainingRows
    day: NDArray[np.int64]
    card: NDArray[np.int64]

    def before(self, day: int) -> "PublishedCards":
        """The transactions before a day: whoever chooses by them cannot read a later one."""
        kept = np.flatnonzero(self.day < day)
        return PublishedCards(self.rows.take(kept), self.day[kept], self.card[kept])

    def within(self, first: int, end: int) -> NDArray[np.int64]:
        """Positions of the transactions with first <= day < end."""
        return np.flatnonzero((self.day >= first) & (self.day < end)).astype(np.int64)


def day_number(day: date) -> int:
    """Days since FIRST_DAY."""
    return (day - FIRST_DAY).days


def data_folder(given: Path | None, variables: Mapping[str, str] | None = None) -> Path:
    """The folder of the monthly files: the given one, or that of LOOPLINE_REAL_DATA.

    Raises:
        NoPublishedData: Neither is given, or the folder does not exist.
    """
    real = (os.environ if variables is None else variables).get(REAL_DATA)
    folder = given or (Path(real).expanduser() / FOLDER if real else None)
    if folder is None or not folder.is_dir():
        found = "neither is given" if folder is None else f"{folder} is not a folder"
        raise NoPublishedData(
            f"{found}: give the Fraud Detection Handbook's monthly Parquet files by --data FOLDER, or set "
            f"{REAL_DATA} to the folder that holds {FOLDER}/"
        )
    return folder


def published_cards(folder: Path, product: Product) -> PublishedCards:
    """The published transactions, each with the product's features as of its moment; a label is known a week later.

    Raises:
        SandboxError: A file is missing, or is none of the Handbook's.
    """
    cards = read_handbook(folder)
    features = compile_features(product.features, product.resolutions).compute(_events(cards), _spine(cards))
    encoder = Encoder.from_features(product.features)
    rows = TrainingRows(
        matrix=encoder.encode(features),
        columns=encoder.columns,
        sources=encoder.sources,
        y=cards.fraud,
        as_of=cards.at.astype("datetime64[us]"),
        row_ids=cards.transaction_id,
    )
    return PublishedCards(rows, (cards.at - midnight_us(FIRST_DAY)) // DAY_US, cards.card)


def _spine(cards: Cards) -> pa.Table:
    return _payments(cards).append_column("as_of", pa.array(cards.at, _TIME))


def _events(cards: Cards) -> dict[str, pa.Table]:
    at = pa.array(cards.at, _TIME)
    known = pa.array(cards.at + LABEL_DELAY_DAYS * DAY_US, _TIME)
    payments, fraud = _payments(cards), pa.array(cards.fraud)
    return {
        "card_transactions": payments.append_column("event_time", at).append_column("known_at", at),
        "fraud_labels": payments.drop_columns(["amount"])
        .append_column("is_fraud", fraud)
        .append_column("event_time", at)
        .append_column("known_at", known),
    }


def _payments(cards: Cards) -> pa.Table:
    """Ties in time are taken in the order of the transaction's number."""
    return pa.table(
        {
            "transaction_id": cards.transaction_id,
            "sequence": cards.transaction_id,
            "card_id": cards.card,
            "terminal_id": cards.terminal,
            "amount": cards.cents / 100,
        }
    )
