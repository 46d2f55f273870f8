"""Numbers read back from the JSON of a bundle.

Belongs here: the check of a stored number that several parts of a bundle share. Does not belong here: each part's
checks of ranges and order.
"""

from resources.errors import LooplineError


def json_number(value: object, where: str, error: type[LooplineError]) -> float:
    """The number as float; true and false are no numbers.

    Args:
        where: The part that the value belongs to, for the message.
        error: The class of error to raise.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise error(f"{where}: {value!r} is not a number")
    return float(value)
