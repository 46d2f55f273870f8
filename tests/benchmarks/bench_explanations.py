"""The second opinion on explanations against the authors' package, where the truth is known.

    python -m tests.benchmarks.bench_explanations [--rows N] [--samples N] [--without-peers]

Prints one JSON object. Both sides explain rows of a model whose log odds are a sum of terms, one for each feature: the
true contribution of a feature is its term less the mean of the term. Stated are, for each side, the mean rank
correlation with the truth, the share of the signs of true contributions above 0.1 that it finds, and processor
milliseconds a row; and the rank correlation of both sides with each other.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from assets.bundle.calibration import sigmoid
from assets.evaluation.lime import Lime
from tests.benchmarks.processes import PEERS

ROWS = 50
SAMPLES = 1_000
_BACKGROUND = 5_000
_MATTERS = 0.1
_WEIGHTS = np.array([1.3, -0.9, 0.5, 0.25, 0.0, 0.0])
_CATEGORY = 0.8

Floats = NDArray[np.float64]


def background() -> Floats:
    """Rows of six numbers and a category, float64 [n, 7]."""
    random = np.random.default_rng(0)
    return np.column_stack([random.normal(size=(_BACKGROUND, 6)), random.integers(0, 2, _BACKGROUND)])


def truth_of(rows: Floats) -> Floats:
    """The true contributions, float64 [n, 7]."""
    terms = np.column_stack([rows[:, :6] * _WEIGHTS, _CATEGORY * (rows[:, 6] == 0)])
    return terms - terms.mean(axis=0)


def by_loopline(rows: Floats, explained: list[int], samples: int) -> tuple[float, Floats]:
    """Processor seconds and contributions."""
    matrix = np.column_stack([rows[:, :6], rows[:, 6] == 0, rows[:, 6] == 1]).astype(np.float32)
    weights = np.array([*_WEIGHTS, _CATEGORY, 0.0])
    places = {f"x{number}": slice(number, number + 1) for number in range(6)} | {"kind": slice(6, 8)}
    lime = Lime(lambda sample: sigmoid(sample.astype(np.float64) @ weights - 1.0), matrix, places, seed=1)
    began = time.process_time()
    found = [lime.surrogate(matrix[place], samples=samples).contributions for place in explained]
    return time.process_time() - began, np.array(found)


def by_lime(rows: Floats, explained: list[int], samples: int) -> tuple[float, Floats]:
    """Processor seconds and coefficients."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "rows.npy"
        np.save(place, rows)
        command = json.dumps({"rows": str(place), "explained": explained, "samples": samples})
        program = str(Path(__file__).with_name("peer_lime.py"))
        done = subprocess.run([PEERS, program, command], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    return float(answer["seconds"]), np.array(answer["coefficients"])


def _compared(found: Floats, truth: Floats, seconds: float) -> dict[str, float]:
    matters = np.abs(truth) > _MATTERS
    return {
        "rank": _rank(found, truth),
        "sign": round(float((np.sign(found) == np.sign(truth))[matters].mean()), 3),
        "ms_a_row": round(1e3 * seconds / len(truth), 2),
    }


def _rank(one: Floats, other: Floats) -> float:
    return round(float(np.mean([spearmanr(*pair).statistic for pair in zip(one, other, strict=True)])), 3)


def measure(*, rows: int = ROWS, samples: int = SAMPLES, peers: bool = True) -> dict[str, Any]:
    """Both sides' figures."""
    known = background()
    explained = list(range(rows))
    truth = truth_of(known)[:rows]
    seconds, ours = by_loopline(known, explained, samples)
    result: dict[str, Any] = {"rows": rows, "samples": samples, "loopline": _compared(ours, truth, seconds)}
    if peers:
        seconds, theirs = by_lime(known, explained, samples)
        result |= {"lime": _compared(theirs, truth, seconds), "rank_of_both": _rank(ours, theirs)}
    return result


def main() -> None:
    """Measures, and prints the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--without-peers", action="store_true")
    asked = parser.parse_args()
    print(json.dumps(measure(rows=asked.rows, samples=asked.samples, peers=not asked.without_peers), indent=2))


if __name__ == "__main__":
    main()
