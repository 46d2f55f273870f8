"""The checksums of stored blocks and of stored single events.

Belongs here: writing and checking them. Does not belong here: the content (`event_blocks.py`, `event_records.py`).
Nothing heavy is imported: the process that reads a whole store (`lmdb.check`) starts with each service.

The head of a block has eight bytes: the length of its content before compression, with the highest bit set, and the
CRC-32 of the compressed bytes. A record is a JSON object; a checked one begins with a space, and the value of its last
name, a line break, is the CRC-32 of the object without that name. Redis's scripts read both as JSON.

Blocks and records of older versions have no checksum: the length lacks the bit, the record the space. They are read
unchecked until a load replaces them.
"""

import zlib

_LENGTH = 4
_CHECKED = 1 << 31
_SPACE = b" "
_TAIL = b',"\\n":"%08x"}'
_TAIL_BYTES = len(_TAIL % 0)


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


def sealed_record(record: bytes) -> bytes:
    """A JSON object, not empty and without spaces around it, with its checksum."""
    return _SPACE + record[:-1] + _TAIL % zlib.crc32(record)


def unsealed_record(record: bytes) -> bytes:
    """The JSON object of a record, without its checksum.

    Raises:
        ValueError: The bytes are not those that were sealed.
    """
    if record.startswith(b"{"):
        return record
    content = record[1:-_TAIL_BYTES] + b"}"
    if record[:1] != _SPACE or record[-_TAIL_BYTES:] != _TAIL % zlib.crc32(content):
        raise ValueError(f"the checksum of a record of {len(record)} bytes is another")
    return content
