"""How many declined people have a recourse.

Belongs here: the share of declined test rows without any allowed change that would be accepted, and by group. Does not
belong here: the search (`assets.serving.earlier.recourse`), what a person can change
(`assets.product.policies.recourse`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from assets.bundle.answers import ACCEPT
from assets.features.kernel.rows import Value
from assets.metrics.groups import group_members
from assets.product import Product
from assets.product.policies.recourse import Recourse
from assets.serving.earlier.recourse import RecourseFound, recourse_of
from assets.serving.engine import Engine
from assets.serving.judgement import Case
from assets.vocabulary.times import AS_OF

ROWS = 100
"""The most declined rows that are asked; each is judged with some thousand changes."""


@dataclass(frozen=True)
class RecourseGroup:
    """The declined rows of one group of a protected attribute, with those that have no recourse."""

    attribute: str
    group: str
    declined: int
    without: int


@dataclass(frozen=True)
class RecourseFigures:
    """The recourse of declined rows.

    Attributes:
        declined: Rows that were asked: declined or referred, by score or by a rule after the model.
        without: Those of which no allowed change would be accepted.
        share: Mean share of the allowed changes that would be accepted, over the rows that may change; `None` where
            none may.
        groups: The same by protected attribute.
    """

    declined: int
    without: int
    share: float | None
    groups: tuple[RecourseGroup, ...]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "groups": [asdict(group) for group in self.groups]}


def recourse_figures(
    product: Product, policy: Recourse, engine: Engine, test: pa.Table, *, most_rows: int = ROWS
) -> RecourseFigures:
    """The recourse of at most `most_rows` declined test rows, drawn by the product's seed.

    Args:
        engine: Decides with the candidate; it needs no online store.
        test: The test rows of the training set, with spine columns and protected attributes.

    Raises:
        ModelError: The model failed.
    """
    result = engine.score_table(test)
    declined = np.flatnonzero((result.answers.codes != ACCEPT) & result.answers.scored)
    if len(declined) > most_rows:
        random = np.random.default_rng(product.model.seed)
        declined = np.sort(random.choice(declined, most_rows, replace=False))
    rows = test.take(pa.array(declined))
    found = [_found(row, policy, engine) for row in rows.to_pylist()]
    shares = [one.share for one in found if one.share is not None]
    return RecourseFigures(
        declined=len(found),
        without=sum(one.nearest is None for one in found),
        share=float(np.mean(shares)) if shares else None,
        groups=tuple(_groups(product, rows, found)),
    )


def _found(row: Mapping[str, Any], policy: Recourse, engine: Engine) -> RecourseFound:
    names, shape = engine.bundle.parts.kernel.features.names, engine.shape
    case = Case(
        row_id=row[shape.row_id],
        as_of=row[AS_OF],
        inputs={name: _value(row[name]) for name in shape.values},
        keys=shape.all_keys({name: row[name] for name in shape.keys}),
    )
    return recourse_of(case, {name: _value(row[name]) for name in names}, engine.scorer, policy)


def _value(value: object) -> Value:
    """A value of a table as a decision has it."""
    if value is None or isinstance(value, str):
        return value
    number = float(value)  # type: ignore[arg-type]
    return None if np.isnan(number) else number


def _groups(product: Product, rows: pa.Table, found: Sequence[RecourseFound]) -> list[RecourseGroup]:
    without = np.array([one.nearest is None for one in found], dtype=np.bool_)
    groups: list[RecourseGroup] = []
    for protected in product.protected if found else ():
        names, member = group_members(protected, rows[protected.column].to_numpy(zero_copy_only=False))
        for position, name in enumerate(names):
            inside = member == position
            groups.append(RecourseGroup(protected.column, name, int(inside.sum()), int(without[inside].sum())))
    return groups
