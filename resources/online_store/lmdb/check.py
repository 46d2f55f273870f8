"""The process that reads every entry of an LMDB store.

    python -m resources.online_store.lmdb.check FOLDER

Belongs here: reading everything once and checking what carries a checksum or is JSON. Does not belong here: what
follows from a fault (`files.py`). LMDB trusts its pages: damaged ones may kill the process that reads them, which
is why this is a process of its own. It prints the fault and ends with status 1, or ends with status 0.
"""

import json
import sys

import lmdb

from resources.online_store.checksums import unsealed, unsealed_record

_MAP_BYTES = 64 * 2**30


def fault_in(folder: str) -> str | None:
    """The first fault of the files, in words; None for sound files."""
    try:
        with (
            lmdb.open(folder, map_size=_MAP_BYTES, readonly=True, create=False) as environment,
            environment.begin() as txn,
            txn.cursor() as cursor,
        ):
            entries = 0
            for key, value in cursor:
                entries += 1
                _check(key, value)
            expected = txn.stat()["entries"]
    except (lmdb.Error, ValueError) as error:
        return str(error)
    return None if entries == expected else f"it has {entries} entries of {expected}"


def _check(key: bytes, value: bytes) -> None:
    """Raises ValueError for a value that is not the one that was written, as far as that can be known."""
    if key.startswith(b"d"):
        unsealed(value)
    else:
        json.loads(unsealed_record(value) if key.startswith(b"a") else value)


if __name__ == "__main__":
    fault = fault_in(sys.argv[1])
    if fault is not None:
        sys.stdout.write(fault)
        sys.exit(1)
