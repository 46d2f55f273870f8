"""What each arm of an A/B test or a bandit is worth, by propensities: the second opinion on its own figures.

Belongs here: from outcomes to logged decisions, rewards predicted by score, and the policies that are evaluated. Does
not belong here: the estimators (`off_policy.py`), the always-valid figures by which a test is decided (`cohorts.py`),
the shares of a bandit (`bandit.py`).

An arm was chosen with its share, and a refusal by score was let past with the share of exploration: the product of both
is the propensity of the answer, in the column of that name. What an arm is worth is meant without exploration; so a row
that it explored weighs nothing, and one that it could have explored weighs the more. What its refusals would have
earned is known from explored rows alone, each of which weighs the inverse of its propensity.

The doubly robust estimate takes as its model of rewards what the recorded score promises: a row is accepted below an
arm's threshold, and then turns out bad with the probability of the score. The score is that of the arm that decided; it
stands for the other's, which nobody computed. An estimate is right whatever this model is worth.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.product.rollout_policy import Rollout
from assets.rollout.cohorts import Terms, rewards
from assets.rollout.off_policy import Estimate, EvaluatedPolicy, Logged, Method, policy_value, value_difference

_METHODS: tuple[Method, ...] = ("inverse propensity", "doubly robust")
_ROUNDING = 1e-9


def arm_values(rows: pa.Table, policy: Rollout, terms: Terms) -> tuple[Estimate, ...]:
    """What a decision of each arm is worth by the policy's metric, and each challenger's beside the champion's.

    Decisions whose reward is not known (accepted, without a label) are left out, as in the figures beside these.

    Args:
        rows: Outcomes of the rollout, with `propensity` and `explored`.
    """
    rewarded = rewards(rows, terms, policy.metric)
    rows = rows.filter(pa.array(~np.isnan(rewarded)))
    rewarded = rewarded[~np.isnan(rewarded)]
    champions = set(rows.filter(pc.equal(rows["role"], "champion"))["bundle"].to_pylist())
    versions = sorted(set(rows["bundle"].to_pylist()), key=lambda version: (version not in champions, version))
    log = _Log(rows, policy.metric, terms)
    logged = Logged(rewarded, log.propensity, log.entities, log.predicted)
    arms = [log.arm(version) for version in versions]
    found = [policy_value(logged, arm, method) for arm in arms for method in _METHODS]
    if champions:
        found += [value_difference(logged, arm, arms[0], method) for arm in arms[1:] for method in _METHODS]
    explorers = [version for version in versions if log.explores(version)]
    return (*found, *(policy_value(logged, log.lenient(one), "inverse propensity") for one in explorers))


class _Log:
    """The outcomes of a rollout as arrays.

    Attributes:
        propensity: Of each answer, float64 [n].
        entities: Number of the entity of each decision, int64 [n].
        predicted: The reward that the score promised, float64 [n].
    """

    def __init__(self, rows: pa.Table, metric: str, terms: Terms) -> None:
        self._bundles = np.array(rows["bundle"].to_pylist(), dtype=object)
        self._explored = _flags(rows["explored"])
        self._refused = ~_flags(pc.equal(rows["outcome"], terms.accept))
        self._score, self._threshold = _numbers(rows["score"]), _numbers(rows["threshold"])
        self._metric, self._terms = metric, terms
        stake = terms.profit.stake
        self._stake = np.ones(rows.num_rows) if stake is None else np.nan_to_num(_numbers(rows[stake]))
        self._share, self.propensity = _numbers(rows["share"]), _numbers(rows["propensity"])
        entities = rows[terms.entity].combine_chunks().dictionary_encode(null_encoding="encode")
        self.entities: NDArray[np.int64] = np.asarray(entities.indices.to_numpy(), dtype=np.int64)
        self.predicted = np.where(self._refused, 0.0, self._promised())

    def arm(self, version: str) -> EvaluatedPolicy:
        """What a version decides, without exploration."""
        chosen = (self._bundles == version) & ~self._explored
        threshold = self._threshold[self._bundles == version]
        accepts = self._score < (float(np.median(threshold)) if len(threshold) else np.nan)
        return EvaluatedPolicy(f"version {version}", chosen.astype(float), np.where(accepts, self._promised(), 0.0))

    def explores(self, version: str) -> bool:
        """Whether a version accepted any row in place of its refusal."""
        return bool((self._explored & ~self._refused & (self._bundles == version)).any())

    def lenient(self, version: str) -> EvaluatedPolicy:
        """What a version would decide if it let every refusal past that it may explore."""
        own = self._bundles == version
        could_explore = own & self._refused & ~self._explored & (self.propensity < self._share * (1.0 - _ROUNDING))
        return EvaluatedPolicy(f"version {version}, refusing nobody by score", (own & ~could_explore).astype(float))

    def _promised(self) -> NDArray[np.float64]:
        """The reward of accepting each row by its score; 0 where it has none."""
        score = np.nan_to_num(self._score)
        if self._metric == "bad_rate":
            return score
        earned = self._terms.profit.good * (1.0 - score) - self._terms.profit.bad * score
        return np.where(np.isnan(self._score), 0.0, earned * self._stake)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(), dtype=np.float64)


def _flags(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(column, False).to_numpy(), dtype=np.bool_)
