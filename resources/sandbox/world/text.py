"""Numbers and moments as text, a whole column at a time.

Belongs here: ISO-8601 moments, identifiers and coded words as Arrow strings. Does not belong here: whole rows as text
(`resources.sandbox.systems.rows_text`).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_MOMENT_BYTES = 27  # YYYY-MM-DDTHH:MM:SS.ffffffZ


def iso_moments(micros: np.ndarray) -> pa.StringArray:
    """Moments as `YYYY-MM-DDTHH:MM:SS.ffffffZ`, which sort as text in the order of time.

    Args:
        micros: int64 [n], microseconds since 1970 (UTC), of years 1000 to 9999.
    """
    count = len(micros)
    plain = pa.array(micros, pa.timestamp("us")).cast(pa.string())
    digits = np.frombuffer(plain.buffers()[2] or b"", np.uint8)[: count * (_MOMENT_BYTES - 1)]
    text = np.empty((count, _MOMENT_BYTES), np.uint8)
    text[:, :-1] = digits.reshape(count, _MOMENT_BYTES - 1)
    text[:, 10] = ord("T")
    text[:, -1] = ord("Z")
    offsets = np.arange(count + 1, dtype=np.int32) * _MOMENT_BYTES
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))


def identifiers(prefix: str, numbers: np.ndarray, width: int) -> pa.StringArray:
    """Identifiers such as `C0000042`: the prefix and the number, padded with zeros to the width."""
    digits = pc.utf8_lpad(pa.array(numbers, pa.int64()).cast(pa.string()), width, padding="0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, "")


def coded(values: list[str] | tuple[str, ...], codes: np.ndarray) -> pa.StringArray:
    """The string of each integer code."""
    return pa.array(values, pa.string()).take(pa.array(codes, pa.int32()))
