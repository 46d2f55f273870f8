"""Messages in Avro as texts of JSON, by a schema that is a file.

Belongs here: one message's bytes as the text of an object. Does not belong here: reading a stream (`kafka.py`,
`kafka_tail.py`), the meaning of columns.

A message that is not of the schema becomes a text that is no JSON, so it is quarantined like any other poison message.
Avro has no mark by which bytes of another schema are known: a message must be used up to its last byte, and no further.
"""

import io
import json
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
from fastavro.schema import SchemaParseException

from resources.sources.readers import SourceBroken, message_text

_REGISTRY_BYTES = 5
"""A zero byte, and the number of the schema in a registry."""
_FAULTS = (EOFError, ValueError, TypeError, IndexError, KeyError, OverflowError, UnicodeDecodeError, MemoryError)


class AvroMessages:
    """Decodes the messages of a source.

    Args:
        source: The source's name, for messages.
        schema: The file of the schema with which they were written (`.avsc`).
        has_schema_id: Whether each begins with the five bytes of a schema registry; the schema that they name is then
            said by the file alone.
    """

    def __init__(self, source: str, schema: Path, *, has_schema_id: bool) -> None:
        self._source, self._file, self._skip = source, schema, _REGISTRY_BYTES if has_schema_id else 0

    def text(self, content: bytes) -> str:
        """A message as the text of a JSON object; a text that is none where it is not of the schema.

        Raises:
            SourceBroken: The file of the schema is missing, or is no schema.
        """
        if self._skip and content[:1] != b"\0":
            return _poison(content)
        stream = io.BytesIO(content[self._skip :])
        try:
            record = fastavro.schemaless_reader(stream, self._schema, None)
            text = json.dumps(record, default=_text, ensure_ascii=False, allow_nan=False)
        except _FAULTS:
            return _poison(content)
        return _poison(content) if stream.read(1) else text

    @cached_property
    def _schema(self) -> Any:
        where = f"source {self._source}: its schema {self._file}"
        try:
            return fastavro.parse_schema(json.loads(self._file.read_text(encoding="utf-8")))
        except OSError as error:
            raise SourceBroken(
                f"{where} cannot be read ({error.strerror}); write the file, or correct avro="
            ) from error
        except (ValueError, SchemaParseException) as error:
            raise SourceBroken(f"{where} is no Avro schema ({error}); ask the owner of the stream for it") from error


def _poison(content: bytes) -> str:
    """No JSON, whatever the message holds."""
    return f"not of the Avro schema: {message_text(content)}"


def _text(value: object) -> str:
    """A value that JSON does not have; bytes as hexadecimal digits."""
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no value of a column")
