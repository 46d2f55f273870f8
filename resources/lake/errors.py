"""The errors of the lake.

Belongs here: the error classes. Does not belong here: anything that raises them.
"""

from resources.errors import LooplineError


class LakeError(LooplineError):
    """The lake cannot read or write a table; the message names table, day and remedy."""


class MissingTable(LakeError):
    """The table, or the version of it, does not exist."""


class DamagedPartition(LakeError):
    """A data file that the table's log names is missing, cut short, or fails its checksums."""


class DamagedLog(LakeError):
    """The log of a table is not what was written, or cannot be read."""


class SchemaConflict(LakeError):
    """The columns of the data do not fit those of the table."""
