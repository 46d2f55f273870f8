"""The head of a stored block: the length of its content before compression, and a checksum.

Belongs here: writing and checking the head. Does not belong here: the content (`event_blocks.py`). Nothing heavy is
imported: the process that reads a whole store (`lmdb.check`) starts with each service.

Eight bytes: the length with its highest bit set, and the CRC-32 of the compressed bytes. Blocks written before there
were checksums have the length alone, without that bit; they are read unchecked until the next load replaces them.
"""

import zlib

_LENGTH = 4
_CHECKED = 1 << 31


def sealed(packed: bytes, size: int) -> bytes:
    """The compressed bytes after their head.

    Args:
        size: Length of the content before compression, below 2 GiB.
    """
    return (size | _CHECKED).to_bytes(_LENGTH, "little") + zlib.crc32(packed).to_bytes(_LENGTH, "little") + packed


def unsealed(block: bytes) -> tuple[memoryview, int]:
    """The compressed bytes of a block, and the length of its content before compression.

    Raises:
        ValueError: The bytes are not those that were sealed.
    """
    size, packed = int.from_bytes(block[:_LENGTH], "little"), memoryview(block)[_LENGTH:]
    if not size & _CHECKED:
        return packed, size
    if zlib.crc32(packed[_LENGTH:]) != int.from_bytes(packed[:_LENGTH], "little"):
        raise ValueError(f"the checksum of a block of {len(block)} bytes is another")
    return packed[_LENGTH:], size & ~_CHECKED
