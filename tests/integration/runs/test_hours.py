"""A product of one file an hour, by the command line: checked, backfilled, corrected, trained, and asked to decide."""

import importlib
import json
import math
import random
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import pipelines
from pipelines import products
from pipelines.cli import app
from pipelines.drafting.roles import Given
from pipelines.operations import new_product as drafting
from pipelines.operations.loop.run_job import dagster_instance
from resources.environments import load_environment
from resources.lake import HOUR, Lake
from resources.lake.content import content_hash
from resources.lake.partitioning import rows_of
from resources.slots import checked_slot, slots_between
from tests.integration.demo_home import variables_of

pytestmark = pytest.mark.slow

FIRST = datetime(2026, 3, 1)
DAYS, AN_HOUR, CUSTOMERS = 3, 8, 40
LAST_DAY = (FIRST + timedelta(days=DAYS - 1)).date()
LAST = f"{LAST_DAY}-23:00"
DATA = ["raw_orders", "raw_orders_labels", "validated_orders", "validated_orders_labels", "features"]
WRONG = "2026-03-02-05:00"

Loopline = Callable[..., dict[str, Any]]


def deliver(folder: Path) -> None:
    """A file for each hour; some customers return more than others."""
    chance, number = random.Random(7), 0
    habit = [chance.gauss(0, 2) for _ in range(CUSTOMERS)]
    folder.mkdir()
    for hour in (FIRST + timedelta(hours=n) for n in range(24 * DAYS)):
        lines = ["order_id,customer_id,ordered_at,amount,channel,returned"]
        for at in (hour + timedelta(minutes=7 * n) for n in range(AN_HOUR)):
            number, customer, amount = number + 1, chance.randrange(CUSTOMERS), chance.randrange(1, 90)
            returned = int(chance.random() < 1 / (1 + math.exp(1 - habit[customer] - (amount - 45) / 20)))
            channel = chance.choice(["web", "app"])
            lines.append(f"O{number:05},C{customer:02},{at.isoformat()},{amount}.50,{channel},{returned}")
        (folder / f"{hour:%Y-%m-%dT%H}.csv").write_text("\n".join(lines) + "\n")


def correct(folder: Path, hour: str) -> None:
    """Another amount in the first row of an hour, larger than any other."""
    file = folder / f"{checked_slot(hour):%Y-%m-%dT%H}.csv"
    file.write_text(re.sub(r"\d+\.50", "199.50", file.read_text(), count=1))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Files of three days, and the product `shop` drafted from them; a label is known six hours after its order."""
    folder = tmp_path_factory.mktemp("hours")
    (folder / "pipelines").mkdir()
    (folder / "workspace.yaml").write_text("load_from:\n")
    deliver(folder / "orders")
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in variables_of(folder / "home").items():
            patch.setenv(variable, value)
        for module in (products, drafting):
            patch.setattr(module, "PRODUCTS", folder / "pipelines")
        patch.setattr(drafting, "WORKSPACE", folder / "workspace.yaml")
        patch.setattr(pipelines, "__path__", [*pipelines.__path__, str(folder / "pipelines")])
        given = Given(label="returned", entities=("customer_id",), row_id="order_id")
        drafting.new_product(
            "shop", [str(folder / "orders")], given, label_delay=timedelta(days=1), header_line=1, zone="UTC"
        )
        file = folder / "pipelines" / "shop" / "product.py"
        text = file.read_text()
        assert 'partition="hour",  # guessed' in text
        assert 'pattern="{day}T{hour}.csv"' in text
        text = text.replace("known_after=timedelta(days=1)", "known_after=timedelta(hours=6)")
        text = text.replace("delay=timedelta(days=1)", "delay=timedelta(hours=6)").replace("trials=8", "trials=1")
        gates = (
            "GatePolicy(min_auc=0.5, max_auc=0.995, max_calibration_error=0.5, min_slice_auc=0.0, min_profit_gain=-9)"
        )
        file.write_text(re.sub(r"GatePolicy\(min_auc[^)]*\)", gates, text))
        for name in [name for name in sys.modules if name.startswith("pipelines.shop")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        yield folder
    for name in [name for name in sys.modules if name.startswith("pipelines.shop")]:
        del sys.modules[name]


@pytest.fixture
def loopline(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Loopline:
    """A command in this process: the JSON object that it prints, with its exit status as `status`."""

    def run(*arguments: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["loopline", *arguments, "--json"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app.main()
        return {**json.loads(capsys.readouterr().out), "status": ended.value.code}

    return run


def contents() -> dict[tuple[str, str], str]:
    """The canonical content of each hour of each table."""
    lake, found = Lake(load_environment().lake), {}
    for name in DATA:
        table = lake.read(f"shop/{name}")
        for hour in lake.slots(f"shop/{name}"):
            found[name, str(hour)] = content_hash(rows_of(table, hour))
    return found


def changed(before: Mapping[tuple[str, str], str]) -> dict[str, list[str]]:
    """For each table the hours whose content is another than before."""
    found: dict[str, list[str]] = {}
    for (name, hour), content in contents().items():
        if before.get((name, hour)) != content:
            found.setdefault(name, []).append(hour)
    return found


def hours(first: str, last: str) -> list[str]:
    return [str(hour) for hour in slots_between(checked_slot(first), checked_slot(last))]


def test_the_description_and_some_hours_of_the_sources_are_checked(loopline: Loopline) -> None:
    found = loopline("check", "shop")
    assert found["status"] == 0, found
    assert (found["days"][0], found["days"][-1]) == ("2026-03-01-00:00", LAST)


def test_a_backfill_makes_the_hours_that_it_names(loopline: Loopline) -> None:
    first, last = "2026-03-01-05:00", "2026-03-01-09:00"
    plan = loopline("backfill", "shop", "--from", first, "--to", last, "--plan")
    assert [(run["from"], run["to"]) for run in plan["runs"]] == [(first, last)]
    made = loopline("backfill", "shop", "--from", first, "--to", last)
    assert [(day["day"], day["state"]) for day in made["days"]] == [(hour, "changed") for hour in hours(first, last)]
    lake = Lake(load_environment().lake)
    with dagster_instance(load_environment()) as instance:
        for name in DATA:
            assert list(map(str, lake.slots(f"shop/{name}"))) == hours(first, last) or name.endswith("labels")
            assert sorted(instance.get_materialized_partitions(dg.AssetKey(["shop", name]))) == hours(first, last)


def test_a_run_makes_what_is_missing_trains_and_decides(loopline: Loopline) -> None:
    """The hours that the backfill has made keep their content; the service decides with the events of the last hour."""
    before = contents()
    found = loopline("run", "shop")
    assert (found["status"], found["from"], found["to"]) == (0, "2026-03-01-00:00", LAST), found
    assert all(contents()[place] == content for place, content in before.items() if place[0] != "features")
    assert {hour for name, hour in contents() if name == "features"} == set(hours("2026-03-01-00:00", found["to"]))
    assert (found["decision"]["outcome"] in ("accept", "refuse"), found["decision"]["fallback"]) == (True, None)
    with dagster_instance(load_environment()) as instance:
        loaded = instance.get_latest_materialization_event(dg.AssetKey(["shop", "online_store"]))
        assert loaded is not None
        assert loaded.asset_materialization is not None
        watermarks = loaded.asset_materialization.metadata["watermarks"].value
    assert set(watermarks.values()) == {f"{LAST_DAY + timedelta(days=1)}T00:00:00+00:00"}
    assert loopline("run", "shop")["made"] == []


def test_an_hour_that_is_corrected_is_made_again_alone(place: Path, loopline: Loopline) -> None:
    before = contents()
    correct(place / "orders", WRONG)
    made = loopline(
        "backfill", "shop", "--from", WRONG, "--to", WRONG, "--select", "raw_orders,validated_orders", "--overwrite"
    )
    assert [(day["day"], day["changes"]["validated_orders"]["altered"]) for day in made["days"]] == [(WRONG, 1)]
    assert changed(before) == {"raw_orders": [WRONG], "validated_orders": [WRONG]}
    # Of the features those are stale that may count the order: windows of a day begin up to two days earlier.
    assert made["stale"]["features"] == hours(WRONG, LAST)
    loopline("run", "shop", "--through", "features")
    after = changed(before)
    assert set(after) == {"raw_orders", "validated_orders", "features"}
    assert after["features"][0] == WRONG
    assert set(after["features"]) <= set(hours(WRONG, "2026-03-03-06:00"))


def test_scores_are_made_again_by_the_hour_and_figures_by_the_day(loopline: Loopline) -> None:
    """The stale scores of the corrected hour, and the drift of its day, by two of its hours."""
    lake, first = Lake(load_environment().lake), "2026-03-02-04:00"
    before = {str(hour): content_hash(lake.read("shop/scores", days=[hour])) for hour in lake.slots("shop/scores")}
    assert HOUR in lake.schema("shop/scores").names
    assert HOUR not in lake.schema("shop/drift").names
    made = loopline("backfill", "shop", "--from", first, "--to", WRONG, "--select", "scores,distributions,drift")
    assert [day["day"] for day in made["days"]] == [first, WRONG]
    assert set(made["days"][1]["changes"]) <= {"scores", "distributions", "drift"}
    after = {str(hour): content_hash(lake.read("shop/scores", days=[hour])) for hour in lake.slots("shop/scores")}
    assert [hour for hour in before if after[hour] != before[hour]] == [WRONG]


def test_an_hour_without_its_file_fails_alone(place: Path, loopline: Loopline) -> None:
    file = place / "orders" / f"{checked_slot(WRONG):%Y-%m-%dT%H}.csv"
    content = file.read_text()
    file.unlink()
    wanted = ("--from", "2026-03-02-04:00", "--to", "2026-03-02-06:00", "--select", "raw_orders,validated_orders")
    made = loopline("backfill", "shop", *wanted)
    assert (made["status"], [day["state"] for day in made["days"]]) == (1, ["unchanged", "failed", "unchanged"])
    assert f"1 of 3 hours failed: {WRONG}; the first one: " in made["error"]["message"]
    assert f"hour {WRONG}: no file" in made["error"]["message"]
    file.write_text(content)


def test_a_row_of_another_hour_is_quarantined_and_admitted_after_a_fix(place: Path, loopline: Loopline) -> None:
    """The contract takes rows of an hour whose channel it knows; other hours are not validated again."""
    file = place / "orders" / f"{checked_slot(WRONG):%Y-%m-%dT%H}.csv"
    content = file.read_text()
    file.write_text(content.replace(",web,", ",fax,", 1))
    contract = place / "pipelines" / "shop" / "contracts" / "orders.yaml"
    contract.write_text(contract.read_text().replace("max_quarantined: 0.02", "max_quarantined: 0.5"))
    only = ("--from", WRONG, "--to", WRONG)
    loopline("backfill", "shop", *only, "--select", "raw_orders,validated_orders", "--overwrite")
    (rule,) = loopline("quarantine", "shop", "orders", *only)["rules"]
    assert (rule["rule"], rule["days"]) == ("expect_column_values_to_be_in_set", {WRONG: 1})
    assert loopline("quarantine", "shop", "orders", "--from", "2026-03-02-06:00")["rules"] == []
    assert loopline("quarantine", "shop", "orders", "--to", "2026-03-02")["rules"] == [rule]
    file.write_text(content)
    fixed = ("--readmit", "--reread", "--by", "Ada", "--reason", "the file was corrected")
    done = loopline("quarantine", "shop", "orders", *only, *fixed)
    assert done["readmitted"] == {
        "source": "orders", "days": [WRONG], "quarantined_before": 1, "quarantined_after": 0,
    }  # fmt: skip
    assert done["rules"] == []
