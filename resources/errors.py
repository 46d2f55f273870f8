"""The base of every error of this project.

Belongs here: the one class that all of them share, and its promise. Does not belong here: the errors themselves; each
stands in the module that raises it.
"""


class LooplineError(RuntimeError):
    """What was asked cannot be done: the message names the thing, the value and the remedy.

    One sentence is therefore enough for a person, and the command line prints no more than that. An error that is not
    of this base is a fault of the code and keeps its traceback.

    Transient are `SourceUnavailable`, `StoreUnavailable`, `RolloutUnavailable` and `LockTimeout`: the same call may
    succeed later. `LostRace` and `VersionReplaced` may succeed after reading again. All others are permanent: the same
    call fails again until a person has changed something.

    An error in one value of a record is a `ValueError` as well: a reader of records treats it as malformed.
    """
