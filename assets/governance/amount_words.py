"""What a model card says of a model of an amount, beside what it says of every model.

Belongs here: amounts by prediction, wrong slices and the interval, as Markdown, from what was recorded. Does not belong
here: computing them (`assets.evaluation.amounts`), the card (`model_card.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def amount_blocks(evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    """Blocks of the section on figures; none of a model whose target is binary.

    Raises:
        KeyError: A figure was not recorded.
    """
    target = evaluation.get("target")
    if target is None:
        return ()
    unit, curve = target["unit"], evaluation["calibration"]["deciles"]
    rows = [
        (str(place), f"{int(count):,}", _amount(x), _amount(y))
        for place, (count, x, y) in enumerate(zip(curve["rows"], curve["predicted"], curve["actual"], strict=True), 1)
    ]
    held = evaluation["coverage"]
    told = f"Amounts are in {unit}, the objective is {str(target['objective']).replace('_', ' ')}."
    if held is not None:
        told += f" The interval that is given with an amount held {held:.1%} of the test rows."
    wrong = [
        (one["condition"], f"{one['rows']:,}", f"{one['found']:+.1%}", f"{one['low']:+.1%} to {one['high']:+.1%}")
        for one in evaluation["slices"]
        if one["confirmed"]
    ]
    slices = (
        "No slice of one feature was confirmed to be wrong in the mean."
        if not wrong
        else _table(("wrong in the mean", "rows", "error where found", "on the other half"), wrong)
    )
    return told, _table(("tenth by prediction", "rows", "predicted", "actual"), rows), slices


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _amount(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
