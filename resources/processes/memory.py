"""The memory of this process.

Belongs here: which allocator serves columns, how much freed memory it keeps, how often Python looks for objects that
only refer to each other. Does not belong here: how much memory a computation may hold.
"""

import ctypes
import gc
import platform

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT = 64 * 2**20
_LARGEST = 32 * 2**20
"""The largest mapping threshold that every glibc accepts."""
_COLLECTED = (50_000, 20, 50)


def keep_freed_memory() -> bool:
    """Makes NumPy and Arrow share one heap, which keeps up to 64 MB of freed memory for the next columns.

    By default glibc returns the end of its heap to the system once free memory there reaches twice the largest freed
    array.
    With columns of half a megabyte, the kernel then spends half of its time on returning memory and on waiting for the
    system to clear it again. Arrow's own heap asks for pages of 2 MB, which a virtual
    machine may clear more slowly than it reads them. Columns above 32 MB are mapped one by one, as before.

    Returns:
        False where the C library is not glibc; then nothing is changed.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    kept = bool(mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, _KEPT))
    pa.set_memory_pool(pa.system_memory_pool())
    return kept


def collect_rarely() -> None:
    """Makes Python look for objects that only refer to each other after 50,000 new ones, not after 700.

    The libraries of a command are half a million objects that stay to its end: by default Python walks them again and
    again while they are imported, for a fifth of the time of a command over one day.
    """
    gc.set_threshold(*_COLLECTED)


def end_without_collection() -> None:
    """Spares the process the search through all its objects at its end, which gives nothing back that the end does not.

    What the process still holds is closed as always.
    """
    gc.disable()
    gc.freeze()
