"""The memory of this process.

Belongs here: who gives out memory for columns, and what becomes of it once freed. Does not belong here: how much a
computation may hold, which is said where it is cut up.
"""

import ctypes
import platform

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT = 64 * 2**20
_LARGEST = 32 * 2**20
"""The largest threshold of mappings that every glibc takes."""


def keep_freed_memory() -> bool:
    """Has NumPy's and Arrow's columns share one heap, which keeps up to 64 MB of what is freed for the next columns.

    By default glibc gives the end of its heap back as soon as twice the largest array freed so far lies free there.
    Arithmetic over columns of half a megabyte so gives its memory back, and has the system clear it again, all the
    time: half of the feature kernel's time. Arrow's own heap asks for pages of 2 MB, which a virtual machine may take
    longer to clear than it takes to read them full. Columns beyond 32 MB are mapped one by one as ever.

    Returns:
        False where the C library is not glibc; then all is as it was.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    kept = bool(mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, _KEPT))
    pa.set_memory_pool(pa.system_memory_pool())
    return kept
