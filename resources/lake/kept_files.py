"""Data files that were read, held in memory: a committed file never changes.

Belongs here: which files are held, and for how long. Does not belong here: reading a file (`reading.py`), which files
a version has (`lake.py`).

A day's monitoring reads windows of weeks from a dozen tables, and in a process that makes one day after the other all
but the newest files of a window were read the day before. A reader of one day needs none of this.
"""

from collections import OrderedDict
from threading import Lock

import pyarrow as pa


class KeptFiles:
    """The rows of whole data files by path, the least recently read one given up first; several threads may use it.

    Args:
        most_bytes: Of all rows that are held, in memory.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes, self._lock = most_bytes, 0, Lock()
        self._held: OrderedDict[str, pa.Table] = OrderedDict()

    def rows(self, path: str, schema: pa.Schema) -> pa.Table | None:
        """The rows of a file; `None` if it is not held, or was read when its table had other columns."""
        with self._lock:
            found = self._held.get(path)
            if found is None or not found.schema.equals(schema):
                return None
            self._held.move_to_end(path)
            return found

    def keep(self, path: str, rows: pa.Table) -> None:
        """Holds the rows of a file."""
        with self._lock:
            before = self._held.pop(path, None)
            self._bytes += rows.nbytes - (0 if before is None else before.nbytes)
            self._held[path] = rows
            while self._bytes > self._most:
                _, gone = self._held.popitem(last=False)
                self._bytes -= gone.nbytes
