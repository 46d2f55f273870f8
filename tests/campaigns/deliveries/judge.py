"""Runs deliveries through the pipeline, from the landing zone to the validated table, and judges what came of them.

Belongs here: putting files in place, the run, the comparison with what the delivery says must come of it. Does not
belong here: deliveries (`generator.py`).
"""

import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import pyarrow as pa

from assets.ingestion import assets as ingestion
from assets.materialising import TRY_AGAIN, asset_key
from assets.product import Product
from pipelines.build import build_pipeline
from pipelines.jobs import daily_name
from pipelines.operations.loop.changed_sources import days_changed_at_source
from pipelines.operations.loop.run_job import RunFailed, run_job
from resources.environments import Environment, load_environment
from resources.errors import LooplineError
from resources.lake import Lake
from tests.campaigns.deliveries.cases import ANY_COLUMN, Case, Day, Row, Step
from tests.campaigns.deliveries.product import deliveries_product

# What no sentence for people holds: the inside of this program or of a library.
INSIDE = re.compile(
    r"Traceback|File \"|<class|<.* object at|\b[A-Z]\w+(Error|Invalid)\b|\bArrow\w+|site-packages|\.py\b"
)
REMEDY = re.compile(
    r"deliver|run the day again|day waits|backfill|declare|correct|ask |change|write|rename|give|wait|remove|add "
)


@dataclass(frozen=True)
class Shop:
    """The campaign's product over a home of its own."""

    product: Product
    environment: Environment
    definitions: dg.Definitions
    instance: dg.DagsterInstance

    @property
    def lake(self) -> Lake:
        return Lake(self.environment.lake)

    def make(self, days: tuple[date, date], *assets: str) -> str:
        """Materialises the named daily assets of these days in one run."""
        keys = [asset_key(self.product, name) for name in assets]
        return run_job(self.definitions, self.instance, daily_name(self.product), days=days, selection=keys)

    def put(self, step: Step) -> None:
        """Puts the step's files in place."""
        for path, data in step.files.items():
            file = Path(self.environment.landing) / path
            if data is None:
                file.unlink(missing_ok=True)
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            then = time.time() - step.age
            os.utime(file, (then, then))

    def table(self, layer: str, source: str, day: date) -> pa.Table | None:
        """The rows of a day, or `None` if the table does not exist."""
        name = f"{self.product.name}/{layer}_{source}"
        return self.lake.read(name, days=[day]) if name in self.lake.tables() else None

    def rows_of(self, table: str, day: date) -> list[dict[str, Any]]:
        """The rows of a day of a table that is of no single source."""
        rows: list[dict[str, Any]] = self.lake.read(f"{self.product.name}/{table}", days=[day]).to_pylist()
        return rows

    def rows(self, layer: str, source: str, day: date) -> list[dict[str, Any]]:
        """The rows of a day; none if the table does not exist."""
        table = self.table(layer, source, day)
        return [] if table is None else table.to_pylist()


@contextmanager
def opened_shop(home: Path) -> Iterator[Shop]:
    """An empty shop. A step that failed for the moment is tried again at once, not after seconds."""
    environment = load_environment({"LOOPLINE_HOME": str(home)})
    product = deliveries_product(home / "contracts")
    at_once = dg.RetryPolicy(max_retries=TRY_AGAIN.max_retries, delay=0)
    with patch.object(ingestion, "TRY_AGAIN", at_once), dg.DagsterInstance.ephemeral() as instance:
        yield Shop(product, environment, build_pipeline(product, environment=environment), instance)


def judged(shop: Shop, case: Case) -> list[str]:
    """The faults of a delivery, each a sentence; none if what had to come of it came of it."""
    faults: list[str] = []
    for number, step in enumerate(case.steps):
        faults += [f"{case.name}, step {number}: {fault}" for fault in _judged(shop, case.source, step)]
    return faults


def _judged(shop: Shop, source: str, step: Step) -> list[str]:
    shop.put(step)
    faults = _stale(shop, source, step) if step.stale else []
    days = list(_between(step.days))
    before = {(layer, day): shop.table(layer, source, day) for layer in ("raw", "validated") for day in days}
    assets = [f"{layer}_{source}" for layer in ("raw", "validated")]
    if source == "consented":
        assets = ["raw_consents", "validated_consents", *assets]
    try:
        shop.make(step.days, *assets)
    except RunFailed as failed:
        return faults + _of_refusal(shop, source, step, str(failed), before)
    except Exception as error:  # noqa: BLE001 a judge reports whatever comes
        return [*faults, f"the run raised {error!r}"]
    if step.refused is not None:
        rows = {str(day): len(shop.rows("validated", source, day)) for day in days}
        return [*faults, f"published {rows}, but must be refused"]
    for day in days:
        faults += _of_day(shop, source, day, step.outcome[day])
    return faults


def _stale(shop: Shop, source: str, step: Step) -> list[str]:
    """Whether the change of the files is told."""
    said: list[str] = []
    try:
        found = days_changed_at_source(shop.product, shop.environment, step.days, said.append)
    except LooplineError as error:
        return [] if step.refused is not None else [f"asking for changes failed: {error}"]
    stale = found.get(f"raw_{source}", frozenset())
    if stale != step.stale:
        return [f"stale days are {sorted(map(str, stale))}, expected {sorted(map(str, step.stale))}"]
    return [] if any(source in sentence for sentence in said) else [f"nobody is told of stale days: {said}"]


def _of_refusal(
    shop: Shop, source: str, step: Step, said: str, before: dict[tuple[str, date], pa.Table | None]
) -> list[str]:
    faults = []
    if step.refused is None and not step.may_refuse:
        faults.append(f"refused, but must be published: {said}")
    if step.refused and not re.search(step.refused, said):
        faults.append(f"the refusal does not say {step.refused!r}: {said}")
    day = step.refused_day or step.days[0]
    if f"source {source}, day {day}" not in said:
        faults.append(f"the refusal does not name source and day {day}: {said}")
    if not REMEDY.search(said):
        faults.append(f"the refusal names no remedy: {said}")
    if INSIDE.search(said):
        faults.append(f"the refusal shows the inside of a library: {said}")
    if len(said) > 1_500:
        faults.append(f"the refusal has {len(said)} signs: {said[:300]}")
    for (layer, at), table in before.items():
        now = shop.table(layer, source, at)
        same = (table is None and (now is None or not now.num_rows)) or (
            table is not None and now is not None and table.equals(now)
        )
        # The day that its contract refused has been read: its raw table is new, and whole.
        if not same and (layer == "validated" or "Nothing was published" not in said):
            faults.append(f"the refused run changed day {at} of {layer}")
    return faults


def _of_day(shop: Shop, source: str, day: date, expected: Day) -> list[str]:
    """The faults of one published day."""
    raw = shop.table("raw", source, day)
    valid = shop.rows("validated", source, day)
    places = _places([] if raw is None else raw.to_pylist(), expected.rows)
    quarantined: dict[int, list[dict[str, Any]]] = {}
    for found in shop.rows("quarantine", source, day):
        at = int(found["row_ref"].rpartition("#")[2])
        quarantined.setdefault(places.get(at, -1 - at), []).append(found)
    withheld = sum(row.withheld and n not in quarantined for n, row in enumerate(expected.rows))
    count = 0 if raw is None else raw.num_rows
    faults = []
    if count != len(expected.rows):
        faults.append(f"day {day}: {len(expected.rows)} rows delivered, {count} in raw")
    if count != len(valid) + len(quarantined) + withheld:
        faults.append(
            f"day {day}: raw {count} is not valid {len(valid)} + quarantined {len(quarantined)} + withheld {withheld}"
        )
    by_id: dict[str, list[dict[str, Any]]] = {}
    for found in valid:
        by_id.setdefault(found["id"], []).append(found)
    twice = [name for name, times in Counter(found["id"] for found in valid).items() if times > 1]
    if twice:
        faults.append(f"day {day}: published twice: {twice[:3]}")
    wrong = [fault for n, row in enumerate(expected.rows) if (fault := _of_row(row, quarantined.get(n, []), by_id))]
    return faults + [f"day {day}: {fault}" for fault in wrong[:5]]


def _places(raw: Sequence[dict[str, Any]], rows: Sequence[Row]) -> dict[int, int]:
    """For each row number of the raw table the place of the row in the delivery.

    Lines that could not be read have no columns; they are found by the id within their text.
    """
    waiting: dict[str | None, list[int]] = {}
    for place, row in enumerate(rows):
        waiting.setdefault(row.texts["id"], []).append(place)
    places, unknown = {}, []
    for row in raw:
        line = row.get("_malformed")
        name = row["id"] if line is None else next((id_ for id_ in waiting if id_ and id_ in line), "")
        if waiting.get(name):
            places[row["row_number"]] = waiting[name].pop(0)
        else:
            unknown.append(row["row_number"])
    left = [place for found in waiting.values() for place in found if rows[place].faulty == ANY_COLUMN]
    return {**places, **dict(zip(unknown, left, strict=False))}


def _of_row(row: Row, quarantined: Sequence[dict[str, Any]], by_id: dict[str, list[dict[str, Any]]]) -> str | None:
    odd = {name: str(text)[:60] for name, text in row.texts.items()}
    if quarantined:
        columns = {found["column"] for found in quarantined}
        if not all(found["rule"] for found in quarantined):
            return f"quarantined without a rule: {odd}"
        if not row.faulty:
            rules = [(found["rule"], found["column"], str(found["value"])[:60]) for found in quarantined]
            return f"quarantined for {rules}, but is good: {odd}"
        if row.faulty != ANY_COLUMN and not columns & row.faulty:
            return f"quarantined for {columns}, expected {set(row.faulty)}: {odd}"
        return None
    found = by_id.get(str(row.texts["id"]), [])
    if row.withheld:
        return f"published without consent: {odd}" if found else None
    if row.anything:
        return None
    if not row.published:
        return f"neither quarantined nor refused: {odd}; published {found[:1]}"
    if not any(_equal(values, one) for values in row.published for one in found):
        differences = {
            name: (str(value)[:80], str(one.get(name))[:80])
            for one in found[:1] for name, value in row.published[0].items() if not _same(value, one.get(name))
        }  # fmt: skip
        return f"published with other values (expected, found) {differences}: {odd}" if found else f"lost: {odd}"
    return None


def _equal(expected: Any, found: dict[str, Any]) -> bool:
    return all(_same(value, found.get(name)) for name, value in expected.items())


def _same(expected: Any, found: Any) -> bool:
    """Equal values of equal types; no text and an empty text are the same."""
    if expected in ("", None) and found in ("", None):
        return True
    return type(expected) is type(found) and bool(expected == found)


def _between(days: tuple[date, date]) -> Iterator[date]:
    day = days[0]
    while day <= days[1]:
        yield day
        day += timedelta(days=1)
