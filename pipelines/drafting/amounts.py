"""What a draft says of a label that is an amount.

Belongs here: the objective that a sample suggests, and the lines of `product.py` that differ from those of a binary
target. Does not belong here: the rest of the text (`render.py`), whether the caller asked for an amount
(`pipelines.cli.data.products`).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.product.target import Objective
from pipelines.drafting.columns import ColumnFacts
from pipelines.drafting.declared import GUESSED, text
from pipelines.drafting.parts import AmountDraft
from pipelines.drafting.roles import RoleUnclear
from pipelines.drafting.sample import Sample

_MANY_ZEROS = 0.05


def amount_draft(sample: Sample, label: ColumnFacts) -> AmountDraft:
    """What the sample says of the label's amounts.

    Raises:
        RoleUnclear: It holds no two different numbers.
    """
    column = sample.table[label.original].cast(pa.string())
    known = column.filter(pc.match_substring_regex(column, r"^\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\s*$"))
    values = np.asarray(pc.utf8_trim_whitespace(known).cast(pa.float64()).to_numpy(), dtype=np.float64)
    if len(np.unique(values)) < 2:
        raise RoleUnclear(
            f"--target amount: {label.original} does not hold two different numbers in the sample; name the column of "
            "the amount with --label, or leave --target out"
        )
    zeros = float((values == 0.0).mean())
    objective: Objective = "squared_error"
    if values.min() > 0.0:
        objective = "gamma"
    elif values.min() == 0.0 and zeros >= _MANY_ZEROS:
        objective = "tweedie"
    return AmountDraft(objective, _rounded(float(values.mean())), _rounded(float(np.quantile(values, 0.9))))


def amount_model(draft: AmountDraft, model: str) -> str:
    """The declaration of the model with its target, from that of a binary one."""
    target = f'target=Amount(unit="EUR", objective={text(draft.objective)})'
    return f"{model.removesuffix(')')}, {target})"


def amount_gates() -> str:
    """The line of the gates."""
    return f"    gates=AmountGates(min_skill=0.02, max_decile_error=1.0),{GUESSED}"


def amount_profit(draft: AmountDraft) -> str:
    """What a decision earns: as much as the mean amount, so that a row above it is refused."""
    return f"Profit(good={abs(draft.mean)}, bad=1.0)"


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
