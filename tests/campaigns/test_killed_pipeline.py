"""A day from its source to the online store, killed at boundaries of its writes, and two runs for one day.

The boundaries are those that an undisturbed run passes: before, within and after each data file, commit, slot of a
pool, load and record, in every stage from ingestion to the load. Of them three are tried every day, once each, and 40
with LOOPLINE_CAMPAIGN=1, each LOOPLINE_CAMPAIGN_MOMENTS times (5 unless given); LOOPLINE_CAMPAIGN_SEED gives others. A
boundary is tried in turn on a new day and on one that the source delivers again, with other rows. Commands that
are killed at moments of the clock are in `test_killed_commands.py`.
"""

import csv
import os
import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from time import sleep
from typing import Any, Literal

import pyarrow as pa
import pytest

from resources.environments import load_environment
from resources.lake import Lake
from resources.lake.content import content_hash
from resources.online_store.opening import OnlineStores
from resources.online_store.protocol import EntityEvents
from tests.integration.demo_home import variables_of
from tests.support.data.small_bank import LAST, fill_small_bank
from tests.support.processes.killed_at import Boundary, Commands
from tests.support.processes.killing import CAMPAIGN, SEED, KillableHome

POINTS = 40 if CAMPAIGN else 3
TIMES = int(os.environ.get("LOOPLINE_CAMPAIGN_MOMENTS", "5")) if CAMPAIGN else 1
BEFORE, DAY = LAST - timedelta(days=1), LAST
PRODUCT = "card_fraud"
THROUGH = ("--through", "features", "--json")
RUN = ("run", PRODUCT, "--from", f"{DAY}", "--to", f"{DAY}", *THROUGH)
BACKFILL = ("backfill", PRODUCT, "--from", f"{DAY}", "--to", f"{DAY}", "--json")
Kind = Literal["new", "delivered again"]
Seen = dict[str, Any]

pytestmark = pytest.mark.timeout(6 * 3600 if CAMPAIGN else 1800)


@dataclass(frozen=True)
class Case:
    """A home in which a run of the day is about to begin.

    Attributes:
        home: The home, always at the same place.
        commands: Begins commands in the home.
        kept: A copy of the home as it is before that run.
        before, after: What is visible before the run, and after one that nothing disturbs.
        boundaries: Those that the undisturbed run passes, in their order.
    """

    home: KillableHome
    commands: Commands
    kept: Path
    before: Seen
    after: Seen
    boundaries: tuple[Boundary, ...]

    def begin(self) -> None:
        """Makes the home as it was."""
        shutil.rmtree(self.home.environment.home)
        shutil.copytree(self.kept, self.home.environment.home)


def done(commands: Commands, folder: Path, *command: str) -> list[Boundary]:
    """The boundaries that a command passes which nothing disturbs."""
    attempt = commands.begin(command, folder)
    answer = attempt.ended()
    assert answer.status == 0, answer.people
    return attempt.boundaries()


def seen(home: KillableHome) -> Seen:
    """What decisions and readers see: of each table and day the rows, and what the store has loaded."""
    lake, found = Lake(home.environment.lake), dict[str, Any]()
    for table in lake.tables(PRODUCT):
        for day in (BEFORE, DAY):
            found[f"{table} {day}"] = content_hash(lake.read(table, days=[day])) if day in lake.days(table) else ""
    with closing(OnlineStores(home.environment.online_store)) as stores:
        store = stores.of(PRODUCT)
        state = store.state()
        for name, source in ((table, state.sources[table]) for table in state.tables) if state else ():
            wanted = [EntityEvents(name, key, one) for key in source.rows for one in entities(lake, name, key)]
            events = pa.concat_tables(store.fetch_all(wanted).tables.values())
            found[f"store {name}"] = (content_hash(events), source.watermark)
    return found


def entities(lake: Lake, source: str, key: str) -> list[str | int]:
    """The entities of a source in any version of its table: one may have lost its only event."""
    table = f"{PRODUCT}/validated_{source}"
    found = [lake.read(table, version=version, columns=[key]) for version in range(lake.version(table) + 1)]
    return list(pa.concat_tables(found)[key].drop_null().unique().to_pylist())


def deliver_again(home: KillableHome) -> None:
    """The file of the day comes again, without some payments and with other amounts of others."""
    path = Path(home.environment.landing) / "card_transactions" / f"{DAY}.csv"
    with path.open(newline="") as lines:
        header, *rows = list(csv.reader(lines))
    amount = header.index("amount")
    for row in rows[::3]:
        row[amount] = f"{float(row[amount]) + 7:.2f}"
    with path.open("w", newline="") as lines:
        csv.writer(lines).writerows([header, *rows[:-2]])


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Kind, Case]]:
    place = tmp_path_factory.mktemp("killed")
    variables = variables_of(place / "home")
    home = KillableHome(load_environment(variables), variables)
    fill_small_bank(home.environment)
    found: dict[Kind, Case] = {}
    with Commands.of(variables) as commands:
        done(commands, place / "first", "run", PRODUCT, "--from", f"{BEFORE}", "--to", f"{BEFORE}", *THROUGH)
        for kind in ("new", "delivered again"):
            shutil.copytree(home.environment.home, place / kind)
            before = seen(home)
            boundaries = done(commands, place / "whole", *RUN)
            found[kind] = Case(home, commands, place / kind, before, seen(home), tuple(boundaries))
            deliver_again(home)  # the other case begins where this one ended
        yield found
    home.kill_all()


def chosen(boundaries: tuple[Boundary, ...]) -> list[Boundary]:
    """So many boundaries, one of each stretch of the run."""
    chance, count = random.Random(SEED), min(POINTS, len(boundaries))
    edges = [round(n * len(boundaries) / count) for n in range(count + 1)]
    return [chance.choice(boundaries[first:end]) for first, end in pairwise(edges)]


def test_a_killed_day_is_never_seen_in_part_and_is_made_whole_by_the_same_command(
    cases: dict[Kind, Case], tmp_path: Path
) -> None:
    kinds: tuple[Kind, ...] = ("new", "delivered again")
    for number, boundary in enumerate(chosen(cases["new"].boundaries)):
        for time in range(TIMES):
            kind = kinds[(number + time) % 2]
            # A day that is delivered again loads the whole store, and passes no boundary of its changes.
            kind = kind if boundary in cases[kind].boundaries else "new"
            case, where = cases[kind], f"a {kind} day, killed {boundary}"
            case.begin()
            killed = case.commands.begin(RUN, tmp_path / "killed", boundary, f"{SEED} {time}").ended()
            within = boundary.place == "within"
            assert killed.status in ((-signal.SIGALRM, 0) if within else (-signal.SIGKILL,)), f"{where}: {killed}"
            # Each table has its old rows of the day or its new ones; so has the store, of all sources at once.
            now = seen(case.home)
            odd = {name for name, found in now.items() if found not in (case.before.get(name, ""), case.after[name])}
            assert odd == set(), where
            assert of_store(now) in (of_store(case.before), of_store(case.after)), where
            done(case.commands, tmp_path / "again", *RUN)
            assert seen(case.home) == case.after, where
            assert case.home.active_runs() == set(), f"{where}: a run is under way, or holds a slot"
            print(f"{where}: {sum(now[name] == case.after[name] for name in now)} of {len(now)} were there", flush=True)


def of_store(found: Seen) -> Seen:
    return {name: rows for name, rows in found.items() if name.startswith("store ")}


@pytest.mark.parametrize("other", [RUN, BACKFILL] if CAMPAIGN else [BACKFILL], ids=lambda command: command[0])
def test_two_runs_for_one_day_lose_and_double_nothing(
    cases: dict[Kind, Case], tmp_path: Path, other: tuple[str, ...]
) -> None:
    """The second waits for the first and finds the day as it is, or ends with one sentence."""
    case, chance = cases["delivered again"], random.Random(f"{SEED} {other[0]}")
    for time in range(4 * TIMES if CAMPAIGN else 1):
        case.begin()
        first = case.commands.begin(RUN, tmp_path / "first")
        sleep(chance.uniform(0, 2))
        second = case.commands.begin(other, tmp_path / "second")
        answers = [first.ended(), second.ended()]
        where = f"{other[0]} beside run, {time}: {answers}"
        assert 0 in [answer.status for answer in answers], where
        for answer in answers:
            assert "Traceback" not in answer.people, where
            assert answer.status == 0 or answer.told["error"]["message"], where
        assert seen(case.home) == case.after, where
        assert case.home.active_runs() == set(), where
        print(f"{other[0]} beside run: {[answer.status for answer in answers]}", flush=True)
