"""The policy of recourse in a bundle, as JSON.

Belongs here: the record of the policy. Does not belong here: what the policy may be
(`assets.product.policies.recourse`), searching the changes that it allows (`assets.serving.earlier`).
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from assets.product.policies.recourse import Change, Recourse


def recourse_record(recourse: Recourse) -> dict[str, Any]:
    """The policy as a JSON value; the order of the columns is kept."""
    return {"at_once": recourse.at_once, "columns": [[name, asdict(of)] for name, of in recourse.columns.items()]}


def recourse_of(record: Mapping[str, Any]) -> Recourse:
    """The policy that `recourse_record` wrote.

    Raises:
        ProductError, KeyError, TypeError, ValueError: The record is not one of a policy.
    """
    columns = {name: Change(**{**change, "to": tuple(change["to"])}) for name, change in record["columns"]}
    return Recourse(columns, record["at_once"])
