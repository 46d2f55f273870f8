"""The columns of one table, each converted at most once to each form.

Belongs here: caching converted columns. Does not belong here: the conversions (`arrow.py`), which columns a group of
features needs (`columns.py`).
"""

import numpy as np
import pyarrow as pa

from assets.features.columns.arrow import filled, is_text, numeric, one_column, read_micros, text_codes, value_codes


class ColumnReader:
    """Reads a table for all groups of features that need it; callers must not write to its arrays.

    Args:
        label: Name of the table in errors: its source, or "spine".
    """

    def __init__(self, table: pa.Table, label: str) -> None:
        self.table, self.label = table, label
        self._columns: dict[str, pa.Array] = {}
        self._texts: dict[str, pa.DictionaryArray] = {}
        self._codes: dict[str, np.ndarray] = {}
        self._values: dict[str, pa.DictionaryArray] = {}
        self._numbers: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
        self._micros: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        rows: int = self.table.num_rows
        return rows

    def column(self, name: str) -> pa.Array:
        """A column in one piece; see `one_column`."""
        if name not in self._columns:
            self._columns[name] = one_column(self.table, name, self.label)
        return self._columns[name]

    def texts(self, name: str) -> pa.DictionaryArray:
        """A text column, dictionary-encoded; see `text_codes`."""
        if name not in self._texts:
            self._texts[name] = text_codes(self.column(name), f"{self.label}.{name}")
        return self._texts[name]

    def codes(self, name: str) -> np.ndarray:
        """The codes of `texts`, int64 [n], -1 where missing."""
        if name not in self._codes:
            self._codes[name] = filled(self.texts(name).indices)
        return self._codes[name]

    def values(self, name: str) -> pa.DictionaryArray:
        """A column of any type, dictionary-encoded; see `value_codes`."""
        if name not in self._values:
            kind = self.column(name).type
            # The dictionary of a dictionary-encoded column may repeat a value.
            plain = is_text(kind) and not pa.types.is_dictionary(kind)
            self._values[name] = self.texts(name) if plain else value_codes(self.column(name))
        return self._values[name]

    def numbers(self, name: str) -> tuple[np.ndarray, np.ndarray | None]:
        """A numeric column and where it is valid; see `numeric`."""
        if name not in self._numbers:
            self._numbers[name] = numeric(self.column(name), f"{self.label}.{name}")
        return self._numbers[name]

    def micros(self, name: str) -> np.ndarray:
        """A column of timestamps; see `read_micros`."""
        if name not in self._micros:
            self._micros[name] = read_micros(self.table, name, self.label)
        return self._micros[name]
