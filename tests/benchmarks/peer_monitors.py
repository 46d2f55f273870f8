"""The statistics of `bench_monitoring` by Evidently and NannyML: a separate program, run by the peers' interpreter.

Belongs here: reading a command, running it, printing processor seconds and values. It imports nothing of this
repository, and nothing but the two peers and what they need. Does not belong here: the other side of the comparison.

    python peer_monitors.py '{"monitor": "evidently", "reference": "r.parquet", "current": "c.parquet"}'

Neither may send anything anywhere: this program refuses connections to other machines.
"""

import json
import os
import socket
import sys
import time

import pandas as pd

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
os.environ["DO_NOT_TRACK"] = "1"
EVIDENTLY = {"psi": "psi", "ks": "ks", "wasserstein": "wasserstein", "jensen_shannon": "jensenshannon"}
NANNYML = {"ks": "kolmogorov_smirnov", "wasserstein": "wasserstein", "jensen_shannon": "jensen_shannon"}


def refuse(*_: object) -> None:
    """Stands for `connect`."""
    raise OSError("this benchmark makes no connections")


socket.socket.connect = refuse


def by_evidently(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[float, dict]:
    """Processor seconds of a report of each statistic of each column, and whether each was computed."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    names = list(current.columns)
    terms = DataDefinition(numerical_columns=names)
    sets = [Dataset.from_pandas(frame, data_definition=terms) for frame in (current, reference)]
    metrics = [ValueDrift(column=name, method=method) for name in names for method in EVIDENTLY.values()]
    began = time.process_time()
    found = Report(metrics).run(*sets).dict()["metrics"]
    seconds = time.process_time() - began
    return seconds, {"metrics": len(found), "first": [float(one["value"]) for one in found[:4]]}


def by_nannyml(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[float, dict]:
    """Processor seconds of `calculate` alone, after `fit`, and the KS distances."""
    from nannyml import UnivariateDriftCalculator

    names = list(current.columns)
    calculator = UnivariateDriftCalculator(
        column_names=names, chunk_number=1, continuous_methods=list(NANNYML.values()), categorical_methods=["chi2"]
    )
    calculator.fit(reference)
    began = time.process_time()
    found = calculator.calculate(current).filter(period="analysis").to_df()
    seconds = time.process_time() - began
    return seconds, {"ks": [float(found[(name, NANNYML["ks"], "value")].iloc[0]) for name in names]}


def main(given: dict) -> None:
    """Runs the command."""
    reference, current = (pd.read_parquet(given[name]) for name in ("reference", "current"))
    by = {"evidently": by_evidently, "nannyml": by_nannyml}[given["monitor"]]
    seconds, values = by(reference, current)
    print(json.dumps({"seconds": seconds, **values}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
