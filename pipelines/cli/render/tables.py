"""The tables of the lake.

Belongs here: the form of these results. Does not belong here: the terminal (`console.py`), commands.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.cli import console

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from rich.console import Console

    from pipelines.operations.data.tables import TableFacts


def show_tables(found: Sequence["TableFacts"], to: "Console") -> None:
    """A line for each table."""
    console.table(
        ["table", "version", "partitions", "last partition", "rows", "content", "last commit"],
        [
            [t.name, t.version, t.partitions, t.last_partition or "", f"{t.rows:,}", t.content_hash[:12],
             t.last_commit[:19]]
            for t in found
        ],
        to,
        right=["version", "partitions", "rows"],
    )  # fmt: skip
