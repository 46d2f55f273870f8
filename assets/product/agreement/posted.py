"""Whether the contract of a source of posted rows has what a posted row has.

Belongs here: the check of these columns, before any row is posted. Does not belong here: the declaration
(`assets.product.arrivals`), holding a posted row to its contract (`assets.serving.requests.posted`).
"""

from assets.product.arrivals import REVIEWED, Posted, PostedOutcomes
from assets.product.contracts.contract import Contract
from assets.product.policies.model import ProductError
from resources.errors import listed

_FIELDS = ("product", "outcome_id", "row_id", "value")
"""Fields of a body that posts an outcome; `decision_id` may be a column too."""


def check_posted(source: Posted, contract: Contract) -> None:
    """Checks that a posted row can have every column of the contract.

    Raises:
        ProductError: The key is not one column, a column is missing or of another type, named otherwise at the source,
            dropped, or required although no posted row has it.
    """
    where = f"contracts/{contract.file}"
    if len(contract.key) != 1 or contract.event_time == contract.known_at:
        raise ProductError(
            f"{where}: posted rows have one id and two times; write one column as key, and others as event_time and "
            f"known_at"
        )
    wanted: tuple[str, ...]
    if isinstance(source, PostedOutcomes):
        wanted = (contract.key[0], source.row_id, source.value)
    else:
        wanted = REVIEWED
        if contract.key != (REVIEWED[0],):
            raise ProductError(f"{where}: the key of posted reviews is {contract.key[0]}; write key: [{REVIEWED[0]}]")
    missing = [name for name in wanted if name not in contract.names]
    if missing or len(set(wanted)) < len(wanted):
        raise ProductError(
            f"{where}: posted rows of source {source.name} have {listed(wanted)}, each a column of its own, but the "
            f"contract has {listed(contract.names)}"
        )
    for column in contract.columns:
        if isinstance(source, PostedOutcomes) and column.name in _FIELDS and column.name not in wanted:
            raise ProductError(f"{where}: '{column.name}' is a field of every post, and no other column; rename it")
        if column.original or column.personal == "drop":
            raise ProductError(
                f"{where}: column '{column.name}' of posted rows is renamed or dropped; post it as it is kept, or "
                f"remove it"
            )
        is_review = not isinstance(source, PostedOutcomes) and column.name in REVIEWED
        if is_review and column.type != "string":
            raise ProductError(f"{where}: column '{column.name}' of posted reviews is a {column.type}; write string")
