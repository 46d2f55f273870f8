"""The list of keys as a running service knows it.

Belongs here: reading the list again every second or two, and what becomes of a list that cannot be read. Does not
belong here: the list itself (`keys.py`), what a route needs (`assets.serving.http.access`).
"""

import logging
from collections.abc import Callable, Mapping

from assets.serving.access.keys import AccessKey, KeyList, KeyListError, id_in
from resources.processes.loops import Loop
from resources.rollout_store.manifest import RolloutUnavailable

_LOG = logging.getLogger("loopline.access")


class Keyring:
    """The valid keys; a key that is added or revoked counts within one interval, without a restart.

    While the list cannot be read, the one that was read last counts. A list that is damaged, altered, missing or older
    than the one before replaces none: nobody becomes a caller by it, and nobody gets back what was revoked.

    Args:
        read: Reads the list's bytes; `None` where there is no list yet.
        interval: Seconds between two reads.
    """

    def __init__(self, read: Callable[[], bytes | None], signing_key: bytes, *, interval: float = 1.0) -> None:
        self._read = read
        self._signing_key = signing_key
        self._interval = interval
        self._seen: bytes | None = None
        self._generation = 0
        self._reachable = True
        self._valid: Mapping[str, AccessKey] = {}
        self.loop = Loop("access-keys", self._turn, retry=interval)

    def start(self) -> None:
        """Reads the list, then goes on reading it in a thread."""
        try:
            self.poll()
        except KeyListError as error:
            _LOG.error("no access key is valid yet: %s", error)
        self.loop.start()

    def find(self, text: str) -> AccessKey | None:
        """The valid key with this text; `None` for any other text."""
        key_id = id_in(text)
        key = None if key_id is None else self._valid.get(key_id)
        return key if key is not None and key.opens(text) else None

    def poll(self) -> None:
        """Reads the list once.

        Raises:
            KeyListError: It is damaged or older than the one before; the keys stay as they were.
        """
        try:
            data = self._read()
        except RolloutUnavailable as error:
            if self._reachable:
                _LOG.warning("the access keys cannot be read, those that were read last stay: %s", error)
            self._reachable = False
            return
        self._reachable = True
        if data == self._seen:
            return
        if data is None:
            raise KeyListError(
                "access_keys.json is gone from the rollout store, the keys stay as they were; restore it, or add a key"
            )
        found = KeyList.from_json(data, self._signing_key)
        if found.generation < self._generation:
            raise KeyListError(
                f"access_keys.json of the rollout store has generation {found.generation}, which is older than "
                f"{self._generation}, the one before; the keys stay as they were: restore the newest one"
            )
        self._seen, self._generation, self._valid = data, found.generation, found.valid
        _LOG.info("%d access keys are valid", len(found.valid))

    def _turn(self) -> float:
        self.poll()
        return self._interval
