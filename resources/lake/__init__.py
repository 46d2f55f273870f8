"""The lake: Delta tables, their Parquet files, and the canonical hash of a table's content."""

from resources.lake.lake import (
    DAY,
    Commit,
    DamagedPartition,
    DataFile,
    Lake,
    LakeError,
    MissingTable,
    SchemaConflict,
)

__all__ = [
    "DAY", "Commit", "DamagedPartition", "DataFile", "Lake", "LakeError", "MissingTable", "SchemaConflict",
]  # fmt: skip
