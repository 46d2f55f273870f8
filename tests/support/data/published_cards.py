"""The features of the published card transactions, as the kernel computes them.

Belongs here: from the published rows to the matrix that models see. Does not belong here: the features
(`tests.unit.features.kernel.test_kernel_protocol`), models, assertions.
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.unit.features.kernel.test_kernel_protocol import DELAY, FEATURES, KERNEL, MICROS

FIRST_DAY = np.datetime64("2018-04-01", "D")


def feature_matrix(frame: pd.DataFrame) -> np.ndarray:
    """float32 [rows, features], of rows in the order of TRANSACTION_ID; a label is known DELAY days after its row."""
    moments = frame.TX_DATETIME.to_numpy().astype("datetime64[us]")
    shared = {
        "card_id": pa.array(frame.CUSTOMER_ID), "terminal_id": pa.array(frame.TERMINAL_ID),
        "amount": pa.array(frame.TX_AMOUNT), "sequence": pa.array(frame.TRANSACTION_ID),
    }  # fmt: skip
    at = {"event_time": pa.array(moments, MICROS), "known_at": pa.array(moments, MICROS)}
    later = pa.array(moments + np.timedelta64(DELAY, "D"), MICROS)
    labels = {"terminal_id": shared["terminal_id"], "is_fraud": pa.array(frame.TX_FRAUD), **at, "known_at": later}
    events = {"card_transactions": pa.table({**shared, **at}), "fraud_labels": pa.table(labels)}
    computed = KERNEL.compute(events, pa.table({**shared, "as_of": at["event_time"]}))
    return np.stack([computed[name].to_numpy() for name in FEATURES.names], axis=1).astype(np.float32)


def days_since_first(frame: pd.DataFrame) -> np.ndarray:
    """The day of each row in days since FIRST_DAY: int64 [rows]."""
    return (frame.TX_DATETIME.to_numpy().astype("datetime64[D]") - FIRST_DAY).astype(np.int64)
