"""Card payments and their fraud labels in the landing zone.

Belongs here: the folders of the two feeds of card payments, for invented and for public payments. Does not
belong here: the feeds (`resources.sandbox.world.card_feeds`), the payments (`resources.sandbox.world.cards`,
`handbook.py`).
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from resources.sandbox.systems.delivery import with_incidents
from resources.sandbox.systems.landing import Progress, write_csv_days
from resources.sandbox.systems.origin import MARKER, Origin, OriginName, folder_is_filled, read_marker
from resources.sandbox.world.card_feeds import labels_feed, payments_feed
from resources.sandbox.world.cards import Cards
from resources.sandbox.world.settings import BankSettings


@dataclass(frozen=True, kw_only=True)
class CardSummary:
    """The card payments in the landing zone.

    Attributes:
        origin, digest: The origin of the payments; see `Origin`.
        first_day, last_day: Days with card transactions.
        last_label_day: The last day with labels.
        transactions, labels: Number of rows.
        written: Whether this call wrote them; false if an earlier one did.
    """

    origin: OriginName
    digest: str
    first_day: date
    last_day: date
    last_label_day: date
    transactions: int
    labels: int
    written: bool


def filled_cards(landing: Path, *, origin: OriginName, digest: str) -> CardSummary | None:
    """The payments in the landing zone, if both folders were filled from this origin; `None` if one is missing.

    Raises:
        SandboxError: A folder was filled from another origin, or has files that the sandbox did not write.
    """
    folders = (landing / "card_transactions", landing / "fraud_labels")
    filled = [folder_is_filled(folder, origin=origin, digest=digest) for folder in folders]
    return _summary(landing, written=False) if all(filled) else None


def write_cards(
    landing: Path,
    cards: Cards,
    *,
    origin: OriginName,
    digest: str,
    first_day: date,
    last_day: date,
    last_label_day: date,
    settings: BankSettings | None,
    progress: Progress,
) -> CardSummary:
    """Writes the days of both folders; a folder that was already filled from the same origin is left alone.

    Args:
        settings: The settings with the planned incidents; `None` for public data, which have none.

    Raises:
        SandboxError: A folder was filled from another origin, or has files that the sandbox did not write.
    """
    for source, make_feed, last in (
        ("fraud_labels", labels_feed, last_label_day),
        ("card_transactions", payments_feed, last_day),
    ):
        folder = landing / source
        if folder_is_filled(folder, origin=origin, digest=digest):
            continue
        feed = make_feed(cards, first=first_day, last=last)
        feed = feed if settings is None else with_incidents(feed, settings)
        rows = feed.table.num_rows
        marker = Origin(origin=origin, digest=digest, first_day=first_day, last_day=last, rows=rows)
        progress(f"writing {rows:,} rows of {source} to {folder}")
        write_csv_days(folder, feed, marker, () if settings is None else settings.incidents)
    return _summary(landing, written=True)


def _summary(landing: Path, *, written: bool) -> CardSummary:
    payments, labels = (read_marker(landing / name / MARKER) for name in ("card_transactions", "fraud_labels"))
    if payments is None or labels is None:
        raise FileNotFoundError(f"{landing}: card_transactions or fraud_labels vanished while they were being read")
    return CardSummary(
        origin=payments.origin,
        digest=payments.digest,
        first_day=payments.first_day,
        last_day=payments.last_day,
        last_label_day=labels.last_day,
        transactions=payments.rows,
        labels=labels.rows,
        written=written,
    )
