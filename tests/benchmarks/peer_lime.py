"""Local surrogates by the authors' package `lime`: a separate program, run by the peers' interpreter.

Belongs here: reading a command, running it, printing processor seconds and coefficients. It imports nothing of this
repository, and nothing but `lime` and what it needs. Does not belong here: the other side of the comparison.

    python peer_lime.py '{"rows": "rows.npy", "explained": [0, 1], "samples": 1000}'
"""

import json
import sys
import time

import numpy as np
from lime.lime_tabular import LimeTabularExplainer


def odds(rows: np.ndarray) -> np.ndarray:
    """The log odds that both sides explain, as in `bench_explanations`: the last column is a category."""
    linear = 1.3 * rows[:, 0] - 0.9 * rows[:, 1] + 0.5 * rows[:, 2] + 0.25 * rows[:, 3]
    return linear + 0.8 * (rows[:, 6] == 0) - 1.0


def main(given: dict) -> None:
    """Explains the rows."""
    rows = np.load(given["rows"]).astype(np.float64)
    explainer = LimeTabularExplainer(
        rows, categorical_features=[6], discretize_continuous=True, mode="regression", random_state=1
    )
    began = time.process_time()
    found = []
    for place in given["explained"]:
        told = explainer.explain_instance(rows[place], odds, num_features=rows.shape[1], num_samples=given["samples"])
        # Of a regression the map's sign is that of the coefficient under the key 1.
        coefficients = dict(told.as_map()[1])
        found.append([float(coefficients.get(column, 0.0)) for column in range(rows.shape[1])])
    print(json.dumps({"seconds": time.process_time() - began, "coefficients": found}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
