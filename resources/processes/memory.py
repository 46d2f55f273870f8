"""The memory allocators of this process.

Belongs here: which allocator serves columns, and how much freed memory it keeps. Does not belong here: how much memory
a computation may hold.
"""

import ctypes
import platform

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT = 64 * 2**20
_LARGEST = 32 * 2**20
"""The largest mapping threshold that every glibc accepts."""


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
