"""The errors of the online stores.

Belongs here: the error classes. Does not belong here: anything that raises them.
"""

from resources.errors import LooplineError


class EventError(LooplineError):
    """An event, a table of events or an entity key does not fit the store; the message says what to write instead."""


class StoreError(LooplineError):
    """A call of the store cannot succeed; the message names the store and the remedy."""


class StoreUnavailable(StoreError):
    """The store cannot be reached, is not loaded, or is damaged: a decision must do without the store."""


class StoreDamaged(StoreUnavailable):
    """The store's own files are damaged: every decision must do without it until it is loaded again."""


class VersionReplaced(StoreError):
    """Another version was published after the state was read. Nothing was written; read the state again."""
