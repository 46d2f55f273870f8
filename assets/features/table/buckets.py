"""The buckets of entities: which Spark task an entity belongs to.

Belongs here: the bucket of each entity key. Does not belong here: moving rows between tasks (`resources.spark.blocks`),
the order of the stages (`spark_job.py`).
"""

import zlib

import numpy as np
import pyarrow as pa

from assets.vocabulary import FeatureError

_MIX = np.uint64(0x9E3779B97F4A7C15)


def entity_buckets(keys: pa.ChunkedArray, buckets: int) -> np.ndarray:
    """int64 [n]: the bucket of each entity key, the same in every task and for equal numbers of any width.

    Raises:
        FeatureError: The keys are neither text nor whole numbers.
    """
    column = keys.combine_chunks()
    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.int64)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(column.type):
        numbers = column.cast(pa.int64()).fill_null(0).to_numpy().view(np.uint64)
        return ((numbers * _MIX) >> np.uint64(33)).astype(np.int64) % buckets
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        coded = column.dictionary_encode()
        hashes = [zlib.crc32(value.encode()) for value in coded.dictionary.to_pylist()]
        return np.array([*hashes, 0], np.int64)[coded.indices.fill_null(-1).to_numpy()] % buckets
    raise FeatureError(f"an entity key is {column.type}; write text or whole numbers")
