"""Consent: which rows may be used for a purpose.

Belongs here: the rule that the last word of a subject, known when a row became known, decides. Does not belong here:
where consents come from (a source like any other).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.product import Consent


@dataclass(frozen=True)
class ConsentResult:
    """Rows that may be used, and how many were withheld."""

    kept: pa.Table
    withheld: int


def apply_consent(consent: Consent, rows: pa.Table, consents: pa.Table) -> ConsentResult:
    """Keeps the rows whose subject had granted the purpose when the row became known.

    A subject who never said anything has not consented. Of two words at the same moment the refusal counts.

    Args:
        rows: With the consent's subject column and `known_at`.
        consents: With `subject` under the same column name, `purpose`, `granted` (bool) and `known_at`.
    """
    said = consents.filter(pc.equal(consents["purpose"], consent.purpose))
    subjects = pc.unique(said[consent.subject].combine_chunks())
    order = np.lexsort(
        (
            ~np.asarray(said["granted"].to_numpy()),  # a refusal sorts behind a grant of the same moment
            _micros(said["known_at"]),
            _codes(said[consent.subject], subjects),
        )
    )
    said_subject = _codes(said[consent.subject], subjects)[order]
    said_at, granted = _micros(said["known_at"])[order], np.asarray(said["granted"].to_numpy())[order]
    subject, at = _codes(rows[consent.subject], subjects), _micros(rows["known_at"])
    last = _last_at_or_before(said_subject, said_at, subject, at)
    allowed = np.zeros(rows.num_rows, dtype=bool)
    found = last >= 0
    allowed[found] = granted[last[found]]
    return ConsentResult(rows.filter(pa.array(allowed)), int((~allowed).sum()))


def _codes(values: pa.ChunkedArray, subjects: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(pc.index_in(values, value_set=subjects), -1).to_numpy()).astype(np.int64)


def _micros(times: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(times.cast(pa.int64()).to_numpy())


def _last_at_or_before(keys: np.ndarray, times: np.ndarray, key: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Position of the last (keys, times) with the same key and a time not after `at`; -1 for none. Sorted input."""
    moments = np.unique(np.concatenate([times, at]))
    span = np.int64(len(moments) + 1)
    known = keys * span + np.searchsorted(moments, times)
    asked = key * span + np.searchsorted(moments, at)
    last = np.searchsorted(known, asked, side="right") - 1
    same = (last >= 0) & (key >= 0)
    same[same] &= keys[last[same]] == key[same]
    return np.where(same, last, -1)
