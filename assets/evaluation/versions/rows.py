"""The rows on which two versions are compared, with what each says of them.

Belongs here: finding rows that neither version learned from, their features as each version knew them, scores, answers
and contributions. Does not belong here: the comparison (`comparison.py`).

The rows are those that the later training tested, without those from which the earlier one learned; their labels are
those of the later training set. Where that set lacks a feature of the earlier version, or has it by another definition,
the earlier version is scored on its own training set, on the rows that both have.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle
from assets.evaluation.study.conditions import Conditions, conditions_of
from assets.evaluation.study.parts import row_entities
from assets.metrics.groups import group_members
from assets.metrics.ranking import columns_by_feature
from assets.product import Product, Protected
from assets.product.names import TRAINING_SET, table_name
from assets.product.target import of_binary_alone
from assets.serving.engine import Engine
from assets.training.candidate import labelled_rows
from assets.training.rows.split import rows_tested
from assets.vocabulary.feature_set import same_computation
from resources.errors import LooplineError
from resources.lake import Lake

Floats = NDArray[np.float64]


class NotComparable(LooplineError):
    """Two versions have no rows in common on which they can be compared; the message says why."""


@dataclass(frozen=True, eq=False)
class Said:
    """What one version says of the rows.

    Attributes:
        bundle: The version.
        scores: float64 [n].
        codes: int8 [n], the answer with all rules; see `assets.bundle.answers`.
        contributions: float64 [n], by feature: how far it moved each row's log odds.
        training_set: The version of its training set.
    """

    bundle: Bundle
    scores: Floats
    codes: NDArray[np.int8]
    contributions: dict[str, Floats]
    training_set: int

    @property
    def thresholds(self) -> tuple[float, float]:
        """From which score on a row is referred, and refused."""
        return self.bundle.policy.refer_from, self.bundle.policy.threshold


@dataclass(frozen=True, eq=False)
class Compared:
    """The rows with what both versions say of them.

    Attributes:
        ids: The row ids, as text.
        y: int8 [n].
        as_of: datetime64[us] [n].
        stake: float64 [n], or `None` where profit is an amount.
        entity: int64 [n].
        groups: By protected attribute and slice of monitoring, the group of each row.
        conditions: Features in bins, of the version whose training set has the labels.
        one, other: What each version says.
        learned: Rows left out, because the earlier version learned from them or from later ones.
        absent: Rows left out, because one training set lacks them.
    """

    ids: NDArray[np.object_]
    y: NDArray[np.int8]
    as_of: NDArray[np.datetime64]
    stake: Floats | None
    entity: NDArray[np.int64]
    groups: dict[str, NDArray[np.object_]]
    conditions: Conditions
    one: Said
    other: Said
    learned: int
    absent: int


def compared_rows(product: Product, lake: Lake, one: Bundle, other: Bundle) -> Compared:
    """The rows of two versions.

    Raises:
        NotComparable: The target is an amount; there is no row that both can score, or they have one class only.
        LakeError: A training set is missing or damaged.
        ModelError: A version cannot score the rows.
    """
    refused = of_binary_alone(
        product.model.target, f"{product.name}: the comparison of versions",
        "the report of a version has its loss beside that of the champion then",
    )  # fmt: skip
    if refused is not None:
        raise NotComparable(refused)
    later, earlier = sorted((one, other), key=lambda bundle: bundle.parts.created_at, reverse=True)
    name, row_id = table_name(product.name, TRAINING_SET), product.spine.row_id
    table = lake.read(name, version=_training_set(later))
    rows, split, _ = labelled_rows(product, table, later.parts.encoder)
    at = rows_tested(rows.row_ids, rows.as_of, later.parts.metrics["windows"])
    unknown = _not_learned(earlier, rows.row_ids[at], rows.as_of[at])
    learned = int((~unknown).sum())
    at = at[unknown]
    tested = rows.take(at)
    own = table if _computed_alike(earlier, later) else lake.read(name, version=_training_set(earlier))
    place = _places(own, tested.row_ids, row_id)
    kept = np.flatnonzero(place >= 0).astype(np.int64)
    absent = len(at) - len(kept)
    tested = tested.take(kept)
    if not 0 < int(tested.y.sum()) < len(tested):
        raise NotComparable(
            f"{product.name}: versions {one.version} and {other.version} have {len(tested)} rows in common, "
            f"{int(tested.y.sum())} of them bad: {learned} are left out because {earlier.full_name} learned from them, "
            f"{absent} because one training set lacks them; compare versions that were trained closer to each other"
        )
    mine = table.take(pa.array(_places(table, tested.row_ids, row_id)))
    of_both = {later.digest: _said(later, mine), earlier.digest: _said(earlier, own.take(pa.array(place[kept])))}
    return Compared(
        ids=np.array([str(one) for one in tested.row_ids.tolist()], dtype=object),
        y=tested.y,
        as_of=tested.as_of,
        stake=tested.stake,
        entity=row_entities(product, mine),
        groups=_groups(product, mine),
        conditions=conditions_of(rows.take(split.train), replace(tested)),
        one=of_both[one.digest],
        other=of_both[other.digest],
        learned=learned,
        absent=absent,
    )


def _training_set(bundle: Bundle) -> int:
    version = bundle.parts.pins.get("version")
    if version is None or "windows" not in bundle.parts.metrics:
        raise NotComparable(f"{bundle.full_name} names no training set; compare versions that the loop trained")
    return int(version)


def _not_learned(bundle: Bundle, row_ids: NDArray[np.generic], as_of: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Whether the bundle's model learned from no such row, nor from a later one."""
    windows = bundle.parts.metrics["windows"]
    found = np.zeros(len(row_ids), dtype=np.bool_)
    found[rows_tested(row_ids, as_of, windows)] = True
    if windows["test"]["first"] != windows["train"]["first"]:  # rows with time: everything later is new too
        found |= as_of >= np.datetime64(windows["test"]["first"][:-1], "us")
    return found


def _computed_alike(bundle: Bundle, other: Bundle) -> bool:
    """Whether the other's training set has every feature of the bundle, by the same definition.

    The names of its columns do not say so: the lake keeps a dropped feature's column, without values.
    """
    features, known = bundle.parts.kernel.features, other.parts.kernel.features
    return all(
        name in known.names and same_computation(features.feature(name), known.feature(name)) for name in features.names
    )


def _places(table: pa.Table, row_ids: NDArray[np.generic], row_id: str) -> NDArray[np.int64]:
    """The position of each row in the table, -1 where it is absent."""
    ids = table[row_id].combine_chunks()
    found = pc.index_in(pa.array(row_ids, ids.type), value_set=ids)
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _said(bundle: Bundle, rows: pa.Table) -> Said:
    engine = Engine(bundle, None)
    matrix = engine.scorer.encode(rows)
    moved = engine.scorer.contributions(matrix)
    by_feature = {
        feature: np.asarray(moved[:, columns].sum(axis=1), dtype=np.float64)
        for feature, columns in columns_by_feature(bundle.parts.encoder.sources).items()
    }
    codes = engine.score_table(rows).answers.codes
    return Said(bundle, engine.scorer.score(matrix), codes, by_feature, _training_set(bundle))


def _groups(product: Product, rows: pa.Table) -> dict[str, NDArray[np.object_]]:
    found = {}
    for part in (*product.protected, *(Protected(name) for name in product.monitoring.slices)):
        if part.column in rows.column_names:
            names, member = group_members(part, np.array(rows[part.column].to_pylist(), dtype=object))
            found[part.column] = np.array(names, dtype=object)[member]
    return found
