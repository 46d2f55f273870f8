"""How often Python looks for objects that only refer to each other.

Belongs here: this setting of a process. Does not belong here: the memory of columns (`memory.py`). Nothing heavy is
imported: every command begins with it.
"""

import gc

_COLLECTED = (50_000, 20, 50)


def collect_rarely() -> None:
    """Makes Python look for such objects after 50,000 new ones, not after 700.

    The libraries of a command are half a million objects that stay to its end: by default Python walks them again and
    again while they are imported, for a fifth of the time of a command over one day.
    """
    gc.set_threshold(*_COLLECTED)


def end_without_collection() -> None:
    """Spares a process that ends the search through all its objects; what it still holds is closed as always."""
    gc.disable()
    gc.freeze()
