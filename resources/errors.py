"""The base of every error of this project.

Belongs here: the base class and its guarantees. Does not belong here: the errors themselves; each is defined in the
package that raises it.
"""


class LooplineError(RuntimeError):
    """A request cannot be fulfilled; the message names the subject, the value and the remedy.

    The message is one sentence, and the command line prints nothing else. Every other exception is a bug and keeps its
    traceback.

    `SourceUnavailable`, `StoreUnavailable`, `RolloutUnavailable` and `LockTimeout` are transient: the same call may
    succeed later. `LostRace` and `VersionReplaced` may succeed after reading again. All others are permanent: the same
    call fails again until a person has changed something.

    An error in one value of a record is also a `ValueError`, so that a reader treats the record as malformed.
    """
