"""What each arm of an A/B test or a bandit is worth, by propensities, beside its own figures.

Belongs here: from outcomes to logged decisions, the model of rewards, and the policies that are evaluated. Does not
belong here: the estimators (`off_policy.py`), the always-valid figures by which a test is decided (`cohorts.py`),
the shares of a bandit (`bandit.py`).

An arm was chosen with its share, and a refusal by score was let past with the share of exploration: the product of both
is the propensity of the answer, in the column of that name. What an arm is worth is meant without exploration; so a row
that it explored weighs nothing, and one that it could have explored weighs the more. What its refusals would have
earned is known from explored rows alone, each of which weighs the inverse of its propensity.

The doubly robust estimate has for each arm a line of the rewards over the stake and the time of the decision, fitted to
the other half of the entities. Both are known before the arm is thrown: a score is not, as it is that of the arm, and a
model of rewards that reads it would favour one of them.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.product.policies.rollout import Rollout
from assets.rollout.outcomes.cohorts import Terms, rewards
from assets.rollout.outcomes.off_policy import Estimate, EvaluatedPolicy, Logged, Method, policy_value, value_difference

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
    if not rows.num_rows:
        return ()
    log = _Log(rows, rewarded, terms)
    logged = Logged(rewarded, log.propensity, log.entities, log.predicted)
    arms = [log.arm(version) for version in versions]
    found = [policy_value(logged, arm, method) for arm in arms for method in _METHODS]
    if champions:
        found += [value_difference(logged, arm, arms[0], method) for arm in arms[1:] for method in _METHODS]
    explorers = [version for version in versions if log.explores(version)]
    return (*found, *(policy_value(logged, log.lenient(one), "inverse propensity") for one in explorers))


class _Log:
    """The outcomes of a rollout as arrays.

    Args:
        reward: Of each decision, float64 [n].

    Attributes:
        propensity: Of each answer, float64 [n].
        entities: Number of the entity of each decision, int64 [n].
        predicted: The reward that the model of the arm that decided predicts, float64 [n].
    """

    def __init__(self, rows: pa.Table, reward: NDArray[np.float64], terms: Terms) -> None:
        self._bundles = np.array(rows["bundle"].to_pylist(), dtype=object)
        self._explored = _flags(rows["explored"])
        self._refused = ~_flags(pc.equal(rows["outcome"], terms.accept))
        self._share, self.propensity = _numbers(rows["share"]), _numbers(rows["propensity"])
        entities = rows[terms.entity].combine_chunks().dictionary_encode(null_encoding="encode")
        self.entities: NDArray[np.int64] = np.asarray(entities.indices.to_numpy(), dtype=np.int64)
        known = [_numbers(pc.cast(rows["decided_at"], pa.int64()))]
        known += [] if terms.profit.stake is None else [_numbers(rows[terms.profit.stake])]
        design = _design(known)
        self._expected = {
            version: self._lines(design, reward, version) for version in sorted(set(self._bundles.tolist()))
        }
        self.predicted = np.zeros(rows.num_rows)
        for version, expected in self._expected.items():
            self.predicted = np.where(self._bundles == version, expected, self.predicted)

    def arm(self, version: str) -> EvaluatedPolicy:
        """What a version decides, without exploration."""
        return EvaluatedPolicy(f"version {version}", self._chosen(version), self._expected[version])

    def _chosen(self, version: str) -> NDArray[np.float64]:
        return np.asarray((self._bundles == version) & ~self._explored, dtype=np.float64)

    def _lines(self, design: NDArray[np.float64], reward: NDArray[np.float64], version: str) -> NDArray[np.float64]:
        """What a version would earn with each request, by a line that was fitted without the request's entity."""
        # Without a propensity no estimate is made (`off_policy.py`); a row that has none must not stop the fit.
        known = self.propensity > 0.0
        weight = np.divide(self._chosen(version), self.propensity, out=np.zeros(len(reward)), where=known)
        half = self.entities % 2
        expected = np.zeros(len(reward))
        for side in (0, 1):
            root = np.sqrt(np.where(half == side, 0.0, weight))
            line, *_ = np.linalg.lstsq(design * root[:, None], reward * root, rcond=None)
            expected = np.where(half == side, design @ line, expected)
        return expected

    def explores(self, version: str) -> bool:
        """Whether a version accepted any row in place of its refusal."""
        return bool((self._explored & ~self._refused & (self._bundles == version)).any())

    def lenient(self, version: str) -> EvaluatedPolicy:
        """What a version would decide if it let every refusal past that it may explore."""
        own = self._bundles == version
        could_explore = own & self._refused & ~self._explored & (self.propensity < self._share * (1.0 - _ROUNDING))
        return EvaluatedPolicy(f"version {version}, refusing nobody by score", (own & ~could_explore).astype(float))


def _design(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """A column of ones, and each column with mean 0 and deviation 1; what is missing is the mean."""
    found = [np.ones_like(columns[0])]
    for column in columns:
        known = column[~np.isnan(column)]
        middle, width = (float(known.mean()), float(known.std()) or 1.0) if len(known) else (0.0, 1.0)
        found.append(np.nan_to_num((column - middle) / width))
    return np.stack(found, axis=1)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(), dtype=np.float64)


def _flags(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(column, False).to_numpy(), dtype=np.bool_)
