"""Drift of many features and rows against Evidently and NannyML, and a day of monitoring as its history grows.

    python -m tests.benchmarks.bench_monitoring [--rows N] [--features N] [--without-peers]

Prints one JSON object. *Peers*: rows of numeric features now against rows then, in memory on all sides, and of each
feature the statistics that both have: with Evidently PSI, Kolmogorov-Smirnov, Wasserstein and Jensen-Shannon, with
NannyML all of these but PSI. Loopline counts the rows and computes all that it records, chi-squared and shares too. The
reference is learned before on the sides that learn it (the profile; NannyML's `fit`). Seconds are of the processor, and
the Kolmogorov-Smirnov distances are compared before. The peers have their own environment, which `make bench` makes
from requirements-peers.lock.

*Day*: what `distributions`, `attributions` and `drift` read and compute for one day, after so many days of history, and
how many times as long the longest history takes.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from assets.bundle.profile import build_profile
from assets.bundle.released import champion_bundle
from assets.monitoring.distributions.counting import Rows, counted
from assets.monitoring.distributions.figures import drift_of_days, drift_table
from assets.monitoring.distributions.limits import limits_of
from assets.monitoring.distributions.reading import Monitored
from assets.product import MonitoringPolicy
from pipelines.products import load_product
from resources.environments import load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.naming import days_between
from resources.rollout_store.store import RolloutStore
from tests.benchmarks.processes import PEERS
from tests.support.data.monitored_rows import layout
from tests.support.models.champions import crown

ROWS = 1_000_000
FEATURES = 100
REFERENCE = 50_000
HISTORIES = (30, 730)
A_DAY = 1_300
LAST = date(2026, 3, 1)
_NEAR = 0.01
"""How near Kolmogorov-Smirnov distances of both sides are: Loopline's reference is a sample of 256 of the rows then."""


def numbers(rows: int, features: int, seed: int) -> pa.Table:
    """Rows of numeric features of several shapes."""
    random = np.random.default_rng(seed)
    draws = (random.normal, random.exponential, random.lognormal)
    return pa.table({f"x{n}": draws[n % 3](size=rows) + 0.02 * seed for n in range(features)})


def by_loopline(then: pa.Table, now: pa.Table) -> tuple[float, list[float]]:
    """Processor seconds from rows to the table of figures, and the KS distances."""
    names, policy = then.column_names, MonitoringPolicy(window_days=1)
    profile = build_profile(then, np.linspace(0, 1, then.num_rows), names, [], positive_rate=0.1, auc=0.7)
    cells = layout(profile)
    limits = limits_of(cells, (), np.zeros((0, cells.cells), np.int64), policy)
    scores, answers = np.linspace(0, 1, now.num_rows), np.zeros(now.num_rows, np.int64)
    began = time.process_time()
    counts = counted(cells, Rows(now, scores, answers))[None]
    figures = drift_of_days(cells, "batch", [LAST], counts, limits, policy)
    drift_table(dict(figures))
    seconds = time.process_time() - began
    by_name = {figure.name: figure for figure in figures[LAST]}
    return seconds, [by_name[name].ks or 0.0 for name in names]


def by_peer(python: str, monitor: str, folder: Path) -> dict[str, Any]:
    """The seconds and values of a peer."""
    given = {"monitor": monitor, "reference": str(folder / "then.parquet"), "current": str(folder / "now.parquet")}
    command = [python, str(Path(__file__).with_name("peer_monitors.py")), json.dumps(given)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def against_peers(rows: int, features: int, peers: str | None, repeats: int = 3) -> dict[str, Any]:
    """Seconds of all sides and the ratios.

    Raises:
        AssertionError: The sides disagree on a Kolmogorov-Smirnov distance.
    """
    then, now = numbers(min(REFERENCE, rows), features, 0), numbers(rows, features, 1)
    runs = [by_loopline(then, now) for _ in range(repeats)]
    seconds = {"loopline": statistics.median(run[0] for run in runs)}
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as name:
        folder = Path(name)
        pq.write_table(then, folder / "then.parquet")
        pq.write_table(now, folder / "now.parquet")
        for monitor in ("evidently", "nannyml") if peers else ():
            found = by_peer(str(peers), monitor, folder)
            seconds[monitor] = found["seconds"]
            if "ks" in found:
                apart = np.abs(np.array(found["ks"]) - np.array(runs[0][1])).max()
                assert apart < _NEAR, f"{monitor} and Loopline differ by {apart} in a Kolmogorov-Smirnov distance"
    ratios = {f"{peer}_over_loopline": round(seconds[peer] / seconds["loopline"], 1) for peer in list(seconds)[1:]}
    return {"rows": rows, "features": features, "seconds": {k: round(v, 2) for k, v in seconds.items()}, **ratios}


def _day_of_features(day: date, names: tuple[str, ...]) -> pa.Table:
    random = np.random.default_rng(day.toordinal())
    columns = {name: random.gamma(2.0, 50.0, A_DAY) for name in names}
    table = pa.table({"transaction_id": np.arange(A_DAY), **columns})
    stamp = pa.array([datetime(day.year, day.month, day.day, 12, tzinfo=UTC)] * A_DAY, pa.timestamp("us", tz="UTC"))
    return table.append_column("as_of", stamp).append_column("day", pa.array([day] * A_DAY, pa.date32()))


def day_after(history: int, repeats: int = 3) -> float:
    """Processor seconds of the newest day, after so many days."""
    product = load_product("card_fraud")
    with tempfile.TemporaryDirectory(prefix="loopline-bench-") as name:
        environment = load_environment({"LOOPLINE_HOME": name})
        lake, days = Lake(environment.lake), days_between(LAST - timedelta(days=history), LAST)
        made_at = datetime.combine(days[-8], datetime.min.time(), UTC)
        crown(product, environment, Path(name), created_at=made_at)
        rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
        bundle = champion_bundle(product.name, rollout, Keys.of(environment.home).signing)
        assert bundle is not None
        monitored, names = Monitored(product, lake, bundle), tuple(product.features.numeric)
        for day in days:
            lake.replace("card_fraud/features", _day_of_features(day, names), days=[day])
        read = monitored.readings("features")
        for day in days[:-1]:
            for table, make in (("distributions", monitored.counts), ("attributions", monitored.attributions)):
                lake.replace(f"card_fraud/{table}", make(read, [day]), days=[day])
        monitored.limits(lake.version("card_fraud/distributions"))
        times = []
        for _ in range(repeats + 1):
            began = time.process_time()
            assert monitored.first_day("distributions", LAST) == LAST
            for table, make in (("distributions", monitored.counts), ("attributions", monitored.attributions)):
                lake.replace(f"card_fraud/{table}", make(monitored.readings("features"), [LAST]), days=[LAST])
            version = lake.version("card_fraud/distributions")
            drift_table(dict(monitored.drift(version, monitored.limits(version), [LAST])))
            times.append(time.process_time() - began)
    return statistics.median(times[1:])


def measure(rows: int = ROWS, features: int = FEATURES, peers: str | None = PEERS) -> dict[str, Any]:
    """All seconds and ratios; `peers` is None where they are left out."""
    days = {history: round(day_after(history), 2) for history in HISTORIES}
    return {
        "load": round(os.getloadavg()[0], 1),
        "peers": against_peers(rows, features, peers),
        "day": {
            "seconds_after_days": days,
            "longest_over_shortest": round(days[HISTORIES[-1]] / days[HISTORIES[0]], 2),
        },
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Monitoring against its peers, and as its history grows")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--features", type=int, default=FEATURES)
    parser.add_argument("--peers", default=PEERS, help="a Python that has Evidently and NannyML")
    parser.add_argument("--without-peers", action="store_true")
    given = parser.parse_args()
    print(json.dumps(measure(given.rows, given.features, None if given.without_peers else given.peers), indent=2))


if __name__ == "__main__":
    main()
