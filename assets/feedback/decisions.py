"""The answered decisions of a day, as the lake keeps them.

Belongs here: from the decision log of a day to its rows. Does not belong here: the log's files
(`assets.serving.log.decision_log`), the outcomes of decisions (`outcomes.py`), writing the table (`assets.py`).

The log alone says who decided: nothing of a row comes from the model that decides today. Entity keys are those of the
request: personal ones are tokens, as the contract and the service ask for.
"""

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from assets.feedback.judged import keys_in_decisions
from assets.product import Product
from assets.product.names import DECISIONS, table_name
from assets.serving.log.decision_log import read_day, scan_day
from assets.serving.log.writer import DecisionLogError
from resources.lake import DAY, Lake


def answered_of(product: Product, lake: Lake, folder: Path, day: date) -> pa.Table:
    """The answered decisions of a UTC day: neither shadows nor decisions that were void.

    Args:
        folder: The decision log.

    Raises:
        DecisionLogError: A line is no decision, or the log lacks decisions of the day that the table has.
        LakeError: The table is damaged.
    """
    table = read_day(folder, product.name, day)
    _refuse_losses(product, lake, folder, day, table)
    for name in keys_in_decisions(product):
        keys = (json.loads(text).get(name) for text in table["keys"].to_pylist())
        table = table.append_column(name, pa.array([None if key is None else str(key) for key in keys], pa.string()))
    return table.append_column(DAY, pa.repeat(pa.scalar(day, pa.date32()), table.num_rows))


def _refuse_losses(product: Product, lake: Lake, folder: Path, day: date, found: pa.Table) -> None:
    """Refuses a log that was moved away or restored from an old copy: the table has decisions that it lacks."""
    name = table_name(product.name, DECISIONS)
    if not lake.exists(name):
        return
    known = lake.read(name, days=[day], columns=["decision_id"])["decision_id"]
    lost = known.filter(pc.invert(pc.is_in(known, value_set=found["decision_id"].combine_chunks())))
    if len(lost):  # a decision may be made void after the table was made
        void = [decision.id for decision in scan_day(folder, product.name, day).decisions if decision.void]
        lost = lost.filter(pc.invert(pc.is_in(lost, value_set=pa.array(void, pa.string()))))
    if len(lost):
        raise DecisionLogError(
            f"{product.name}, day {day}: {len(lost):,} of {len(known):,} decisions of the table {name} are not in the "
            f"decision log {folder}, {lost[0]} for one; nothing was replaced: restore the log from its backup"
        )
