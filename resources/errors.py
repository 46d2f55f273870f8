"""The base of every error of this project.

Belongs here: the base class and its guarantees, and the form of a list in a message. Does not belong here: the errors
themselves; each is defined in the package that raises it.
"""

from collections.abc import Collection

_LISTED = 10


class LooplineError(RuntimeError):
    """A request cannot be fulfilled; the message names the subject, the value and the remedy.

    The message is one sentence, and the command line prints nothing else. Every other exception is a bug and keeps its
    traceback.

    `SourceUnavailable`, `StoreUnavailable`, `RolloutUnavailable` and `LockTimeout` are transient: the same call may
    succeed later. `LostRace` and `VersionReplaced` may succeed after reading again. All others are permanent: the same
    call fails again until a person has changed something.

    An error in one value of a record is also a `ValueError`, so that a reader treats the record as malformed.
    """


def listed(items: Collection[object], *, shown: int = _LISTED, separator: str = ", ") -> str:
    """A list for a message: the first items, and how many more there are.

    Args:
        items: In the order in which they are shown.
    """
    first = [str(item) for _, item in zip(range(shown), items, strict=False)]
    more = len(items) - len(first)
    return separator.join(first) + (f" and {more:,} more" if more else "")
