"""The lake: Delta tables, their Parquet files, and the canonical hash of a table's content."""

from resources.lake.errors import DamagedPartition, LakeError, MissingTable, SchemaConflict
from resources.lake.lake import Lake
from resources.lake.values import DAY, HOUR, Commit, DataFile

__all__ = [
    "DAY", "HOUR", "Commit", "DamagedPartition", "DataFile", "Lake", "LakeError", "MissingTable", "SchemaConflict",
]  # fmt: skip
