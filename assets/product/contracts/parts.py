"""The parts of a contract's file, or of a part of it, against the fields of a dataclass.

Belongs here: refusing parts that are missing or misspelt. Does not belong here: the values of parts
(`expected_values.py`).
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from assets.product.contracts.contract import ContractError

_OPTIONAL = ("expectations",)
"""Parts of a contract's file that are empty where they are not written."""


def parts_of(where: str, given: object, kind: type[Any], leave_out: Sequence[str] = ()) -> Mapping[str, Any]:
    """The parts of a contract, or of a part of it: all that are needed, and no others.

    Raises:
        ContractError: They are not.
    """
    if not isinstance(given, Mapping):
        raise ContractError(f"{where} is {given!r}; write its parts as NAME: VALUE")
    known = {part.name: part for part in fields(kind) if part.name not in leave_out}
    needed = [
        name
        for name, part in known.items()
        if part.default is MISSING and part.default_factory is MISSING and name not in _OPTIONAL
    ]
    missing = [name for name in needed if name not in given]
    unknown = [str(name) for name in given if name not in known]
    if missing or unknown:
        near = difflib.get_close_matches(unknown[0], known, 1) if unknown else []
        faults = ([f"lacks {', '.join(missing)}"] if missing else []) + (
            [f"has {', '.join(unknown)}, which no contract has{f' (did you mean {near[0]}?)' if near else ''}"]
            if unknown
            else []
        )
        raise ContractError(f"{where} {' and '.join(faults)}; its parts are {', '.join(known)}")
    return given
