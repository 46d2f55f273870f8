"""The policy of delivery: where the batch scores of a product are written for those who read them.

Belongs here: the policy as a frozen value, and that it fits its product. Does not belong here: writing the rows
(`assets.delivery`), the address of the database, which a variable gives.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from assets.product.policies.model import ProductError
from resources.errors import listed

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Delivery:
    """Each day's batch scores as rows of a table in PostgreSQL; a day is replaced in one transaction.

    The table has `product`, the row id, `as_of`, `score`, `outcome`, `model_version` and `day`; by the hour also
    `utc_hour`. It is made if it does not exist, and several products may share one.

    Attributes:
        connection: The name of the database: LOOPLINE_CONNECTION_<NAME> gives its address.
        table: The table, or `schema.table`, in lower case.
        columns: Further columns of the table of scores that readers need, such as an entity key. A protected attribute
            is delivered only if it is named here.
    """

    connection: str
    table: str
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.columns, str):
            raise ProductError(f"delivery: columns={self.columns!r} is a text; write a tuple: ({self.columns!r},)")
        parts = self.table.split(".")
        if len(parts) > 2 or not all(_NAME.fullmatch(part) for part in parts):
            raise ProductError(
                f"delivery: table={self.table!r}; write a name, or schema.name, of lower-case letters, digits and _"
            )

    def check(self, product: str, known: Collection[str]) -> None:
        """Checks that the table of scores has the columns.

        Args:
            known: The columns of the spine that scores keep.

        Raises:
            ProductError: It lacks one.
        """
        unknown = [name for name in self.columns if name not in known]
        if unknown:
            raise ProductError(
                f"product {product}: delivery.columns names {', '.join(unknown)}, which scores do not have; name "
                f"columns of spine.passthrough: {listed(sorted(known))}"
            )
