"""Bits that flip and files that end early: in landing files, in the lake's Parquet files, in its Delta logs.

Belongs here: damage to files on disk, and what must be said of it before anything is made of them. Does not belong
here: deliveries that are wrong from the start (`test_deliveries.py`).

Damage is detected when an error names the table or the day. A byte without a meaning may flip: the same is read.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from pipelines.operations.loop.changed_sources import days_changed_at_source
from pipelines.operations.loop.run_job import RunFailed
from resources.errors import LooplineError
from resources.lake import Lake
from resources.lake.origins import source_origins, stale_days
from tests.campaigns.deliveries.cases import published
from tests.campaigns.deliveries.forms import COMPRESSED, Dialect, parquet_columns, parquet_file
from tests.campaigns.deliveries.judge import INSIDE, Shop, opened_shop
from tests.campaigns.deliveries.product import START
from tests.campaigns.deliveries.rows import good_rows

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
SEED = int(os.environ.get("LOOPLINE_CAMPAIGN_SEED", "1"))
IN_LAKE, IN_LOGS, IN_LANDING, IN_RUNS = (400, 400, 150, 50) if CAMPAIGN else (20, 20, 8, 2)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if CAMPAIGN else 300)]

DAYS = [START + timedelta(days=n) for n in range(1, 4)]
ALL = DAYS[0], DAYS[-1]
TABLES = tuple(f"deliveries/{layer}_csv" for layer in ("raw", "validated", "quarantine"))
# Formats whose own checksums cover every byte of their content.
CHECKED = ("gz", "bz2", "parquet")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Three days of rows, some of them quarantined; one day was read twice."""
    with opened_shop(tmp_path_factory.mktemp("flipped") / "home") as opened:
        for day in DAYS:
            rows = good_rows(Random(f"{SEED} {day}"), day, 40)
            bad = tuple(row.bad("amount", amount="much") if n % 9 == 0 else row for n, row in enumerate(rows))
            opened.put(published({f"csv/{day}.csv": Dialect().file(bad)}, day, bad))
        opened.make(ALL, "raw_csv", "validated_csv")
        opened.make((DAYS[1], DAYS[1]), "raw_csv", "validated_csv")
        yield opened


@dataclass(frozen=True)
class Harm:
    """A bit that flipped, or the place where a file ends."""

    file: Path
    place: int
    bit: int | None

    def of(self, data: bytes) -> bytes:
        """The harmed bytes."""
        if self.bit is None:
            return data[: self.place]
        return data[: self.place] + bytes([data[self.place] ^ (1 << self.bit)]) + data[self.place + 1 :]


def harms(chance: Random, files: list[Path], count: int) -> Iterator[Harm]:
    """Harms of these files; one in five cuts the file."""
    for _ in range(count):
        file = chance.choice(files)
        place = chance.randrange(file.stat().st_size)
        yield Harm(file, place, None if chance.random() < 0.2 else chance.randrange(8))


def everything(lake: Lake) -> dict[str, object]:
    """All that is ever read of the tables: rows, days, versions, and the origins of their days."""
    found: dict[str, object] = {}
    for table in TABLES:
        found[table] = {day: lake.read(table, days=[day]) for day in DAYS}
        found[f"{table} whole"] = lake.read(table).num_rows
        found[f"{table} days"] = lake.days(table)
        found[f"{table} contents"] = {(str(file.day), file.content) for file in lake.files(table)}
    found["stale"] = stale_days(lake, TABLES)
    found["origins"] = source_origins(lake, TABLES[0])
    return found


def undetected(shop: Shop, harm: Harm, whole: dict[str, object]) -> str | None:
    """What is wrong after the harm; `None` if it is detected, or changes nothing that is read."""
    kept = harm.file.read_bytes()
    harm.file.write_bytes(harm.of(kept))
    try:
        found = everything(Lake(shop.environment.lake))
    except LooplineError as error:
        named = re.search(r"deliveries/\w+_csv", str(error))
        return None if named and not INSIDE.search(str(error)) else f"{harm}: the error does not serve: {error}"
    except Exception as error:  # noqa: BLE001 a judge reports whatever comes
        return f"{harm}: raised {error!r}"
    finally:
        harm.file.write_bytes(kept)
    odd = [name for name, value in whole.items() if found[name] != value]
    return (
        f"{harm}: read other {odd} without a word: {harm.of(kept)[max(0, harm.place - 30) : harm.place + 10]!r}"
        if odd
        else None
    )


@pytest.mark.parametrize(("pattern", "count"), [("**/*.parquet", IN_LAKE), ("_delta_log/*.json", IN_LOGS)])
def test_harm_to_the_lake_is_detected(shop: Shop, pattern: str, count: int) -> None:
    """In every file of a table: an error that names the table, or the same content as before."""
    folders = [Path(shop.lake.folder(table)) for table in TABLES]
    files = sorted(file for folder in folders for file in folder.glob(pattern))
    whole = everything(shop.lake)
    faults = [undetected(shop, harm, whole) for harm in harms(Random(f"{SEED} {pattern}"), files, count)]
    found = [fault for fault in faults if fault]
    assert not found, f"{len(found)} of {count}:\n" + "\n".join(found[:40])


def outcome_of(shop: Shop, days: tuple[date, date], *assets: str) -> str:
    """What a failed run said; empty for a run that succeeded."""
    try:
        shop.make(days, *assets)
    except RunFailed as failed:
        return str(failed)
    return ""


def test_a_run_stops_at_harm(shop: Shop) -> None:
    """A run over harmed raw rows ends with table and day, and publishes nothing; or publishes the same."""
    files = [Path(path) for path in shop.lake.paths("deliveries/raw_csv", days=DAYS)]
    before = [shop.table("validated", "csv", day) for day in DAYS]
    faults = []
    for harm in harms(Random(f"{SEED} runs"), files, IN_RUNS):
        kept = harm.file.read_bytes()
        harm.file.write_bytes(harm.of(kept))
        said = outcome_of(shop, ALL, "validated_csv")
        harm.file.write_bytes(kept)
        if said and not re.search(r"table deliveries/raw_csv, day \d{4}-\d\d-\d\d: .*loopline backfill", said):
            faults.append(f"{harm}: {said}")
        if [shop.table("validated", "csv", day) for day in DAYS] != before:
            faults.append(f"{harm}: other rows were published")
    assert not faults, "\n".join(faults)


def test_a_changed_landing_file_makes_its_day_stale(shop: Shop) -> None:
    """Whatever byte of a file changed after it was read: its day is told, and no other."""
    landing = Path(shop.environment.landing) / "csv"
    files = [landing / f"{day}.csv" for day in DAYS]
    for harm in harms(Random(f"{SEED} landing"), files, IN_LANDING):
        kept = harm.file.read_bytes()
        harm.file.write_bytes(harm.of(kept))
        said: list[str] = []
        found = days_changed_at_source(shop.product, shop.environment, ALL, said.append)
        harm.file.write_bytes(kept)
        assert found["raw_csv"] == {date.fromisoformat(harm.file.stem)}, harm
        assert any(f"day {harm.file.stem}" in sentence for sentence in said)
    assert days_changed_at_source(shop.product, shop.environment, ALL, print)["raw_csv"] == frozenset()


@pytest.mark.parametrize("name", CHECKED)
def test_harm_to_a_delivery_with_checksums_is_refused(shop: Shop, name: str) -> None:
    """Before the first read: the run is refused with source and day, or publishes what was sent."""
    day = DAYS[0]
    rows = good_rows(Random(f"{SEED} {name}"), day, 40)
    if name == "parquet":
        path, data = f"parquet/{day}.parquet", parquet_file(parquet_columns(rows), write_page_checksum=True)
    else:
        path, data = f"{name}/{day}.csv.{name}", COMPRESSED[name](Dialect().file(rows))
    file = Path(shop.environment.landing) / path
    shop.put(published({path: data}, day, rows))
    shop.make((day, day), f"raw_{name}", f"validated_{name}")
    sent: pa.Table = shop.table("validated", name, day)
    assert sent.num_rows == len(rows)
    faults = []
    for harm in harms(Random(f"{SEED} sent {name}"), [file], IN_LANDING):
        shop.put(published({path: harm.of(data)}, day, rows))
        said = outcome_of(shop, (day, day), f"raw_{name}", f"validated_{name}")
        if said and (f"source {name}, day {day}" not in said or INSIDE.search(said)):
            faults.append(f"{harm}: {said}")
        if shop.table("validated", name, day) != sent:
            faults.append(f"{harm}: other rows were published")
    assert not faults, "\n".join(faults)
