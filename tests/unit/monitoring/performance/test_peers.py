"""The estimates beside NannyML's, on the same probabilities, where the peers' environment has it."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from assets.monitoring.performance.expected import auc_of, confusion_of, profit_of
from tests.benchmarks.processes import PEERS

INTERPRETER = os.environ.get("LOOPLINE_PEERS", str(PEERS))


HAS_NANNYML = any(Path(INTERPRETER).parent.parent.glob("lib/python*/site-packages/nannyml/__init__.py"))


@pytest.mark.skipif(not HAS_NANNYML, reason=f"{INTERPRETER} has no NannyML")
def test_estimates_are_those_of_nannyml() -> None:
    """NannyML rounds sums to five decimals: probabilities have no more. Many scores are the same."""
    rng = np.random.default_rng(4)
    score = rng.beta(2, 12, 5000).round(3)
    p = (0.8 * score).round(5)
    accepted = score < 0.15
    given = json.dumps({"score": score.tolist(), "p": p.tolist(), "accepted": accepted.tolist()})
    program = Path(__file__).with_name("peer_nannyml.py")
    found = subprocess.run([INTERPRETER, str(program)], input=given, capture_output=True, text=True, check=True)
    theirs = json.loads(found.stdout.splitlines()[-1])
    ours = auc_of(score, p)
    assert ours is not None
    assert ours.value == pytest.approx(theirs["auc"], abs=1e-9)
    assert confusion_of(p, accepted) == pytest.approx({k: theirs[k] for k in theirs if "_" in k}, abs=1e-9)
    assert profit_of(p, accepted, np.ones(5000), 0.1, 0.6).value == pytest.approx(theirs["profit"], abs=1e-9)
