"""The champion beside the sandbox's own truth: `loopline benchmark sandbox`.

Belongs here: the champion's test rows, their scores, the best possible figures on the same rows. Does not belong here:
the truth (`resources.sandbox.world.truth`), which no feature and no training sees.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from assets.bundle.released import champion_bundle
from assets.product.names import TRAINING_SET, table_name
from assets.serving.engine import Engine
from assets.training.candidate import labelled_rows
from pipelines.products import load_product
from pipelines.sandbox_sources import sandbox_of
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore
from resources.sandbox.world.truth import applicant_truth

CREDIT_RISK = "credit_risk"
WANTED = 0.95


class NothingToCompare(LooplineError):
    """There is no champion of the sandbox's bank; the message names the command that makes one."""


@dataclass(frozen=True)
class SandboxReport:
    """AUCs on the champion's test rows.

    Attributes:
        version: The champion's.
        rows, positives: The test rows, and the defaults among them.
        auc, scorecard_auc: The champion's, and that of its scorecard.
        training_auc: The champion's on the rows that it was fitted on.
        best_auc: That of the probability with which the loans were drawn.
        habits_auc: That of somebody who knew exactly everything that leaves traces in the bank's tables: the habits,
            income, debt, times of trouble and the loan, but neither a person's character nor a loan's own luck.
    """

    version: str
    rows: int
    positives: int
    auc: float
    scorecard_auc: float
    training_auc: float
    best_auc: float
    habits_auc: float

    @property
    def share_of_best(self) -> float:
        """How much of the way from chance to the best possible the champion goes."""
        return (self.auc - 0.5) / (self.best_auc - 0.5)

    @property
    def share_of_habits(self) -> float:
        """The same, to what the habits can tell."""
        return (self.auc - 0.5) / (self.habits_auc - 0.5)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "benchmark": "sandbox", "product": CREDIT_RISK, **vars(self),
            "share_of_best": self.share_of_best, "share_of_habits": self.share_of_habits, "wanted": WANTED,
        }  # fmt: skip


def benchmark_sandbox(environment: Environment) -> SandboxReport:
    """Compares the champion of `credit_risk` with the truth of the bank that it was trained on.

    Raises:
        NothingToCompare: There is no champion, or its sources are not the sandbox's.
        LakeError: The training set is missing or damaged.
        RolloutError, BundleError: The bundle is not published, or was altered.
    """
    product, run = load_product(CREDIT_RISK), f"loopline run {CREDIT_RISK}"
    sandbox = sandbox_of(product, environment)
    if sandbox is None:
        raise NothingToCompare(f"{CREDIT_RISK} is not fed by the sandbox here, so nobody knows the truth of its rows")
    require(environment, "bundles", "lake")
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    champion = champion_bundle(CREDIT_RISK, rollout, Keys.of(environment.home).signing)
    if champion is None:
        raise NothingToCompare(f"{CREDIT_RISK} has no champion yet: {run}")
    parts = champion.parts
    table = Lake(environment.lake).read(table_name(CREDIT_RISK, TRAINING_SET), version=parts.pins["version"])
    rows, split, _ = labelled_rows(product, table, parts.encoder)
    test, train = (rows.take(part) for part in (split.test, split.train))
    engine, row_id = Engine(champion, None), product.spine.row_id

    def scores(row_ids: NDArray[np.generic]) -> NDArray[np.float64]:
        place = pc.index_in(pa.array(row_ids, table[row_id].type), value_set=table[row_id].combine_chunks())
        return engine.score(table.take(place))

    truth = applicant_truth(sandbox.settings)
    known = pc.index_in(pa.array(test.row_ids, pa.string()), value_set=truth.ids).to_numpy()
    return SandboxReport(
        version=champion.version,
        rows=len(test),
        positives=int(test.y.sum()),
        auc=_auc(test.y, scores(test.row_ids)),
        scorecard_auc=_auc(test.y, parts.scorecard.apply(test.matrix)),
        training_auc=_auc(train.y, scores(train.row_ids)),
        best_auc=_auc(test.y, truth.probability[known]),
        habits_auc=_auc(test.y, truth.by_habits[known]),
    )


def _auc(y: NDArray[np.int8], scores: NDArray[np.float64]) -> float:
    return float(roc_auc_score(y, scores))
