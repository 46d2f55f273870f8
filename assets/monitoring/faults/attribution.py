"""Root causes: which faults of features are consequences of a fault of their source, and who is asked.

Belongs here: following the lineage of features back to the columns that they read. Does not belong here: recognising
faults (`recognition.py`), the lineage itself (`assets.features.catalogue`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from assets.features.catalogue.entries import CatalogueEntry, catalogue
from assets.monitoring.faults.finding import Finding
from assets.monitoring.faults.recognition import DayFaults
from assets.product import Product
from assets.product.names import FEATURES, validated_name
from assets.vocabulary import History


@dataclass(frozen=True)
class Lineage:
    """Of what the columns of the feature table are made, and who answers for each set of rows.

    Attributes:
        reads: For each column of the feature table the columns from which it is computed: `source.column`, and
            `features.column` for the features from which it is derived.
        lookbacks: For each column of the feature table how long an event counts for later rows; `None` for ever.
        spine: The source whose rows are decided: without its rows there are no rows of features.
        label: The source of the labels.
        owners: By source.
        feature_owners: By feature.
    """

    reads: Mapping[str, frozenset[str]]
    lookbacks: Mapping[str, timedelta | None]
    spine: str
    label: str
    owners: Mapping[str, str]
    feature_owners: Mapping[str, str]

    def owner(self, finding: Finding) -> str:
        """Who is asked to mend it."""
        if finding.rows_of != FEATURES:
            return self.owners[finding.rows_of]
        return self.feature_owners.get(finding.column, self.owners[self.spine])

    def reached(self, finding: Finding) -> frozenset[str]:
        """The columns of the feature table that a fault reaches: those that read its column, or any of its source.

        A shifted clock reaches all that read its source: which events a window holds hangs on their times.
        """
        if finding.column and finding.kind != "clock_shifted":
            own = {finding.column} if finding.rows_of == FEATURES else set()
            return frozenset(own) | self.readers(finding.place)
        if finding.rows_of in (FEATURES, self.spine):
            return frozenset(self.reads)
        prefix = f"{finding.rows_of}."
        return frozenset(name for name, columns in self.reads.items() if any(one.startswith(prefix) for one in columns))

    def readers(self, column: str) -> frozenset[str]:
        """The columns of the feature table that read a column: `source.column`, or `features.column`."""
        return frozenset(name for name, columns in self.reads.items() if column in columns)


def lineage_of(product: Product) -> Lineage:
    """The lineage of a product's features, and the owners of its sources and features."""
    spine, features = product.spine, product.features
    sources = {validated_name(source.name): source.name for source in product.sources}
    reads: dict[str, frozenset[str]] = {
        name: frozenset({f"{spine.source}.{name}"}) for name in (spine.row_id, *spine.passthrough)
    }
    reads["as_of"] = frozenset({f"{spine.source}.{spine.as_of}"})
    lookbacks: dict[str, timedelta | None] = dict.fromkeys(reads, timedelta(0))
    for entry in catalogue(features, product.units, spine=spine.source):  # inputs come before what is derived of them
        inherited = frozenset(column for one in entry.inputs for column in reads[one])
        inputs = {f"{FEATURES}.{one}" for one in entry.inputs}
        columns = (column.split(".", 1) for column in entry.columns)
        reads[entry.name] = inherited | inputs | {f"{sources[table]}.{column}" for table, column in columns}
        lookbacks[entry.name] = _lookback(product, entry, lookbacks)
    return Lineage(
        reads=reads,
        lookbacks=lookbacks,
        spine=spine.source,
        label=product.label.source,
        owners={source.name: product.contract(source.name).owner for source in product.sources},
        feature_owners={name: features.owner_of(name) for name in features.names},
    )


def attributed(found: DayFaults, lineage: Lineage) -> tuple[Finding, ...]:
    """The findings of a day, root causes first, each consequence with the fault that it follows from."""
    moved = found.moved.get(FEATURES, frozenset())
    roots = [
        replace(one, owner=lineage.owner(one), moved=tuple(sorted(moved & lineage.reached(one))))
        for one in found.findings
    ]
    sources = [one for one in roots if one.rows_of != FEATURES]
    causes = {one.key: _cause(one, sources, roots, lineage) for one in roots if one.rows_of == FEATURES}
    alone = [one for one in roots if causes.get(one.key) is None]
    following = [
        replace(one, owner=cause.owner, follows_from=f"{cause.place} {cause.kind}", moved=())
        for one in roots
        if (cause := causes.get(one.key)) is not None
    ]
    return (*sorted(alone, key=_weight), *following)


def _cause(finding: Finding, sources: Sequence[Finding], all_: Collection[Finding], lineage: Lineage) -> Finding | None:
    """The fault that a fault of features follows from: of a source, or else of a feature from which it is derived."""
    if not finding.column:
        return next((one for one in sources if one.rows_of == lineage.spine and not one.column), None)
    features = [one for one in all_ if one.rows_of == FEATURES and one.column and one.column != finding.column]
    for possible in (sources, features):
        reaching = [one for one in possible if finding.column in lineage.reached(one)]
        if reaching:
            return min(reaching, key=lambda one: (not one.column, one.kind != finding.kind))
    return None


def _weight(finding: Finding) -> tuple[bool, bool, int, str]:
    """Sources before features, whole rows before columns, then those with which most features moved."""
    return finding.rows_of == FEATURES, bool(finding.column), -len(finding.moved), finding.place


def _lookback(product: Product, entry: CatalogueEntry, known: Mapping[str, timedelta | None]) -> timedelta | None:
    feature = product.features.feature(entry.name)
    if isinstance(feature, History):
        return feature.lookback
    inputs = [known[one] for one in entry.inputs]
    return None if None in inputs else max((one for one in inputs if one is not None), default=timedelta(0))
