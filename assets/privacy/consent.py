"""Consent: which rows may be used for a purpose.

Belongs here: the rule that a subject's last entry known when a row became known decides. Does not belong here: where
consents come from (a source like any other).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Consent


@dataclass(frozen=True)
class ConsentResult:
    """Rows that may be used, and those that were withheld."""

    kept: pa.Table
    refused: pa.Table

    @property
    def withheld(self) -> int:
        """How many rows were withheld."""
        return int(self.refused.num_rows)


def apply_consent(consent: Consent, rows: pa.Table, consents: pa.Table) -> ConsentResult:
    """Keeps the rows whose subject had granted the purpose when the row became known.

    A subject without an entry has not consented. Of two entries with the same known_at a refusal counts.

    Args:
        rows: Rows with the consent's subject column and `known_at`.
        consents: Entries with the same subject column, `purpose`, `granted` (bool) and `known_at`.
    """
    entries = consents.filter(pc.equal(consents["purpose"], consent.purpose))
    subjects = pc.unique(entries[consent.subject].combine_chunks())
    entry_subject, entry_time = _codes(entries[consent.subject], subjects), _micros(entries["known_at"])
    granted = np.asarray(pc.fill_null(entries["granted"], False).to_numpy())  # an unanswered question is no consent
    order = np.lexsort((~granted, entry_time, entry_subject))  # a refusal after a grant of the same time
    entry_subject, entry_time, granted = entry_subject[order], entry_time[order], granted[order]
    row_subject, row_time = _codes(rows[consent.subject], subjects), _micros(rows["known_at"])
    last_entry = _last_at_or_before(entry_subject, entry_time, row_subject, row_time)
    allowed = np.zeros(rows.num_rows, dtype=bool)
    has_entry = last_entry >= 0
    allowed[has_entry] = granted[last_entry[has_entry]]
    return ConsentResult(rows.filter(pa.array(allowed)), rows.filter(pa.array(~allowed)))


def _codes(values: pa.ChunkedArray, subjects: pa.Array) -> np.ndarray:
    """The position of each value among the subjects; -1 for others and for null."""
    return np.asarray(pc.fill_null(pc.index_in(values, value_set=subjects, skip_nulls=True), -1).to_numpy()).astype(
        np.int64
    )


def _micros(times: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(times.cast(pa.int64()).to_numpy())


def _last_at_or_before(
    entry_subject: np.ndarray, entry_time: np.ndarray, row_subject: np.ndarray, row_time: np.ndarray
) -> np.ndarray:
    """For each row the position of its subject's last entry not after the row's time; -1 for none.

    The entries are sorted by subject and time.
    """
    times = np.unique(np.concatenate([entry_time, row_time]))
    span = np.int64(len(times) + 1)
    entry_codes = entry_subject * span + np.searchsorted(times, entry_time)
    row_codes = row_subject * span + np.searchsorted(times, row_time)
    last = np.searchsorted(entry_codes, row_codes, side="right") - 1
    same = (last >= 0) & (row_subject >= 0)
    same[same] &= entry_subject[last[same]] == row_subject[same]
    return np.where(same, last, -1)
