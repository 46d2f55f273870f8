"""Columns of a source that its contract lacks and that the product has all the same.

Belongs here: which these are. Does not belong here: fitting rows to a contract (`landing.py`), telling of columns that
nobody has (`schema_diff.py`).

Two sources often read the same place: the rows to decide, and their labels, which become known later. What one of them
takes is no news to the other, and a label in the contract of the rows to decide would be a leak.
"""

from assets.product import (
    DatabaseTable,
    Files,
    HttpEndpoint,
    IcebergTable,
    LakeTable,
    PostedOutcomes,
    PostedReviews,
    Product,
    Source,
    StreamTopic,
)


def taken_columns(product: Product, source: Source) -> frozenset[str]:
    """The names, at the source, of the columns that the sources of the same place take, those of the days included."""
    alike = [other for other in product.sources if _place(other) == _place(source)]
    taken = {name for other in alike for name in product.contract(other.name).at_source.values()}
    return frozenset(taken | {_day_column(other) for other in alike})


def _place(source: Source) -> tuple[str, ...]:
    """Where the rows are; the same for sources that read the same rows."""
    match source:
        case DatabaseTable():
            return "table", source.connection, source.table, source.query
        case Files():
            return "files", source.connection, source.pattern, source.sheet
        case LakeTable() | IcebergTable():
            return "lake", source.connection, source.table
        case HttpEndpoint():
            return "api", source.connection, source.path
        case StreamTopic():
            return "stream", source.connection, source.topic
        case PostedOutcomes() | PostedReviews():
            return "posted", source.name


def _day_column(source: Source) -> str:
    """The column that says of which day a row is; empty without one."""
    return "" if isinstance(source, StreamTopic | PostedOutcomes | PostedReviews) else source.day_column or ""
