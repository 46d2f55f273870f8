"""Estimates by NannyML: a separate program, run by the peers' interpreter.

Reads a JSON object with `score`, `p` and `accepted` from standard input; writes the estimated AUC, confusion matrix and
business value.
"""

import json
import sys

import numpy as np
import pandas as pd
from nannyml.performance_estimation.confidence_based.metrics import (  # type: ignore[import-not-found]
    estimate_business_value,
    estimate_roc_auc,
)

given = json.load(sys.stdin)
score, p = pd.Series(given["score"]), pd.Series(given["p"])
refused = pd.Series(1 - np.array(given["accepted"], dtype=int))


def counted(value: list[list[float]]) -> float:
    return float(estimate_business_value(refused, p, None, np.array(value)))


json.dump(
    {
        "auc": float(estimate_roc_auc(p, score)),
        "true_good": counted([[1, 0], [0, 0]]),
        "false_bad": counted([[0, 1], [0, 0]]),
        "missed_bad": counted([[0, 0], [1, 0]]),
        "true_bad": counted([[0, 0], [0, 1]]),
        "profit": counted([[0.1, 0.0], [-0.6, 0.0]]),
    },
    sys.stdout,
)
