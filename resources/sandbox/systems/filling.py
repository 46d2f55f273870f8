"""Filling the bank's source systems.

Belongs here: the order of filling, finding the places that are already filled, and the two entry points `fill_bank` and
`fill_cards`. Does not belong here: generating rows (`resources.sandbox.world`), file layouts (`landing.py`), the
public card payments (`handbook.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from resources.sandbox.systems.card_files import CardSummary, filled_cards, write_cards
from resources.sandbox.systems.database import TABLES, database_origins, fill_database
from resources.sandbox.systems.delivery import with_incidents
from resources.sandbox.systems.landing import (
    Progress,
    quiet,
    stream_marker,
    write_csv_days,
    write_json_days,
    write_json_lines,
)
from resources.sandbox.systems.origin import MARKER, Origin, is_filled, local_folder, read_marker, refuse_foreign
from resources.sandbox.world.bureau_reports import make_reports
from resources.sandbox.world.cards import make_cards
from resources.sandbox.world.consents import consents_feed
from resources.sandbox.world.feeds import Feed
from resources.sandbox.world.lending import applications_feed, granted_by_old_policy, make_requests
from resources.sandbox.world.people import make_people
from resources.sandbox.world.repayments import repayments_feed
from resources.sandbox.world.settings import BankSettings
from resources.sandbox.world.transactions import transactions_feed

SOURCES = ("applications", "consents", "transactions", "bureau_reports", "repayments")


@dataclass(frozen=True, kw_only=True)
class BankSummary:
    """The contents of the source systems.

    Attributes:
        digest: The digest of the settings.
        rows: For each source, how many rows it delivers in the period.
        written: The sources that this call filled; empty if all were filled before.
    """

    digest: str
    first_day: date
    last_day: date
    rows: Mapping[str, int]
    written: tuple[str, ...]


@dataclass(frozen=True)
class _Places:
    database_url: str
    transactions: Path
    repayments: Path
    reports: Path


def fill_bank(
    settings: BankSettings,
    *,
    database_url: str,
    landing: str | Path,
    stream: str | Path,
    bureau_data: Path,
    progress: Progress = quiet,
) -> BankSummary:
    """Fills database, landing zone, stream and bureau; a place that was filled from these settings is left alone.

    Each place appears whole or not at all, so that the next call completes an interrupted fill.

    Args:
        database_url: SQLAlchemy address; tables `applications` and `consents`.
        landing: Folder (or `file://` address) that gets `transactions/{day}.csv`.
        stream: Folder (or `file://` address) that gets `repayments.jsonl`.
        bureau_data: Folder that gets `reports/{day}.json`, which `bureau.py` serves.
        progress: Called with a sentence at each step.

    Raises:
        SandboxError: A place was filled with other settings, has files or rows that the sandbox did not write, or is
            not local.
    """
    places = _Places(
        database_url,
        local_folder(landing, "landing zone") / "transactions",
        local_folder(stream, "stream") / "repayments.jsonl",
        bureau_data / "reports",
    )
    missing = tuple(source for source in SOURCES if source not in _filled(settings, places))
    if missing:
        feeds = _feeds(settings, missing, progress)
        _write(settings, places, feeds, progress)
    rows = {source: origin.rows for source, origin in _filled(settings, places).items()}
    return BankSummary(
        digest=settings.digest,
        first_day=settings.first_day,
        last_day=settings.last_day,
        rows=rows,
        written=missing,
    )


def fill_cards(settings: BankSettings, *, landing: str | Path, progress: Progress = quiet) -> CardSummary:
    """Fills `card_transactions/{day}.csv` and `fraud_labels/{day}.csv` of the landing zone with invented cards.

    The days are `settings.cards_from` to `settings.last_day`; a label becomes known 7 days after its transaction.

    Raises:
        SandboxError: A folder was filled from another origin or with other settings, or the landing zone is not local.
    """
    folder = local_folder(landing, "landing zone")
    found = filled_cards(folder, origin="sandbox", digest=settings.digest)
    if found is not None:
        return found
    progress(f"inventing {settings.card_transactions:,} transactions of {settings.cards:,} cards")
    cards = make_cards(settings, make_people(settings))
    return write_cards(
        folder,
        cards,
        origin="sandbox",
        digest=settings.digest,
        first_day=settings.cards_from,
        last_day=settings.last_day,
        last_label_day=settings.last_day,
        settings=settings,
        progress=progress,
    )


def _filled(settings: BankSettings, places: _Places) -> dict[str, Origin]:
    """The sources that were filled from these settings, with their origins."""
    found = {
        source: (origin, f"table {source} of the database")
        for source, origin in database_origins(places.database_url).items()
    }
    for source, path, marker in (
        ("transactions", places.transactions, places.transactions / MARKER),
        ("bureau_reports", places.reports, places.reports / MARKER),
        ("repayments", places.repayments, stream_marker(places.repayments)),
    ):
        refuse_foreign(path, marker)
        origin = read_marker(marker)
        if origin is not None and path.exists():
            found[source] = (origin, str(path))
    return {
        source: origin
        for source, (origin, place) in found.items()
        if is_filled(origin, origin="sandbox", digest=settings.digest, place=place)
    }


def _feeds(settings: BankSettings, wanted: tuple[str, ...], progress: Progress) -> dict[str, Feed]:
    """The wanted feeds, with the effects of incidents."""
    people = make_people(settings)
    progress(f"inventing a bank of {len(people):,} customers, {settings.first_day} to {settings.last_day}")
    requests = make_requests(settings, people)
    reports = make_reports(settings, people, requests.customer, requests.at)
    granted = granted_by_old_policy(settings, people, requests, reports.score_at_request)
    feeds = [
        consents_feed(settings, people),
        applications_feed(settings, people, requests),
        reports.feed,
        repayments_feed(settings, people, requests, granted),
    ]
    if "transactions" in wanted:
        progress(f"inventing about {settings.transactions:,} account transactions")
        feeds.append(transactions_feed(settings, people))
    return {feed.source: with_incidents(feed, settings) for feed in feeds if feed.source in wanted}


def _write(settings: BankSettings, places: _Places, feeds: dict[str, Feed], progress: Progress) -> None:
    origins = {
        source: Origin(
            origin="sandbox",
            digest=settings.digest,
            first_day=settings.first_day,
            last_day=settings.last_day,
            rows=feed.table.num_rows,
        )
        for source, feed in feeds.items()
    }
    tables = {source: feed for source, feed in feeds.items() if source in TABLES}
    if tables:
        progress("filling the database: " + ", ".join(f"{f.table.num_rows:,} {name}" for name, f in tables.items()))
        fill_database(places.database_url, tables, origins)
    for source, target, write in (
        ("transactions", places.transactions, write_csv_days),
        ("repayments", places.repayments, write_json_lines),
        ("bureau_reports", places.reports, write_json_days),
    ):
        if source in feeds:
            progress(f"writing {feeds[source].table.num_rows:,} rows of {source} to {target}")
            write(target, feeds[source], origins[source], settings.incidents)
