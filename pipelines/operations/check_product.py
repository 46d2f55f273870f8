"""A product's description, held against a sample of its sources, before anything runs.

Belongs here: which days are sampled, and the checks of sources, rows to decide and labels. Does not belong here: the
checks that need no data (`assets.product`), the rules of a contract (`assets.validation.audit`), the command.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.features.columns.columns import matching
from assets.ingestion.assets import reader_of
from assets.ingestion.landing import SchemaChanged, as_raw
from assets.ingestion.taken_columns import taken_columns
from assets.product import Product, Source
from assets.training.rows.labels import mature_labels
from assets.training.rows.tables import RowsError
from assets.validation.audit import Audit, audit
from assets.validation.retyped import retyped_text
from assets.vocabulary.base import WHOLE
from assets.vocabulary.times import AS_OF
from pipelines.operations.data.shared_features import SharedUse, shared_use
from pipelines.operations.loop.fill_sandbox import Progress
from pipelines.operations.loop.source_days import readable_days
from pipelines.products import load_definitions, load_product
from pipelines.sandbox_sources import source_systems
from resources.environments import Environment
from resources.slots import Slot, length_of, slots_between, stretches
from resources.sources.readers import SourceError
from resources.sources.systems import SourceSystems

_SAMPLED = 3
"""How many days of a source are read, spread over its history."""

State = Literal["passed", "failed", "changed", "not judged"]


@dataclass(frozen=True)
class CheckResult:
    """The result of one check.

    Attributes:
        state: "changed" is nothing wrong: people have to know what it touches.
        detail: The figures, or what to write.
    """

    name: str
    state: State
    detail: str


@dataclass(frozen=True)
class CheckReport:
    """The results of all checks of a product, in their order."""

    product: str
    days: tuple[Slot, ...]
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(result.state != "failed" for result in self.results)


def check_product(name: str, environment: Environment, progress: Progress) -> CheckReport:
    """Checks a product's description, then its sources on a few days; runs and writes nothing.

    Raises:
        UnknownProduct, BrokenProduct, ProductError, FeatureError, ContractError: The description contradicts itself;
            the message says what to write.
        ImpossibleDay, DependencyDown: There is no day to sample, or a server of the sources does not answer.
    """
    product = load_product(name)
    load_definitions(name)
    results = [
        CheckResult("description", "passed", f"{len(product.sources)} sources, {len(product.features.names)} features")
    ]
    results += shared_results(shared_use(product, environment))
    with readable_days(product, environment, (None, None), progress) as (first, last):
        days = _sampled(first, last)
        systems = source_systems(product, environment)
        audits = {}
        for source in product.sources:
            progress(f"reading {source.name}")
            found, audited = _source_result(product, source, systems, _days_of(product, source, days, last))
            results.append(found)
            if audited is not None:
                audits[source.name] = audited
    valid = {source: audited.valid for source, audited in audits.items()}
    results += _spine_results(product, valid)
    spine, labels = valid.get(product.spine.source), valid.get(product.label.source)
    results += [*label_results(product, spine, labels, datetime.now(UTC)), *_protected_results(product, valid)]
    return CheckReport(name, days, tuple(results))


def shared_results(use: SharedUse) -> list[CheckResult]:
    """The shared features: who uses them, and which live bundles compute them otherwise than declared."""
    results = []
    for group, users in use.users.items():
        changes = [change.sentence for change in use.changes if change.group == group]
        detail = "; ".join(changes) or "every live bundle computes them as declared"
        state: State = "changed" if changes else "passed"
        results.append(CheckResult(f"shared {group}", state, f"used by {', '.join(users)}; {detail}"))
    if use.unread:
        results.append(CheckResult("other users of shared features", "not judged", "; ".join(use.unread.values())))
    return results


def _sampled(first: Slot, last: Slot) -> tuple[Slot, ...]:
    """Days, or hours, spread over the history: the first and the last, and those between."""
    days = slots_between(first, last)
    places = {round(n * (len(days) - 1) / (_SAMPLED - 1)) for n in range(_SAMPLED)}
    return tuple(days[place] for place in sorted(places))


def _days_of(product: Product, source: Source, days: Sequence[Slot], last: Slot) -> tuple[Slot, ...]:
    """The sampled days; of the labels, the days, or hours, in which those of the sampled rows become known."""
    if source.name != product.label.source or source.name == product.spine.source:
        return tuple(days)
    maturity = product.label.maturity // length_of(last)
    known = [slot for day in days for slot in slots_between(day, day + (maturity + 1) * length_of(day))]
    return tuple(sorted({day for day in (*days, *known) if day <= last}))


def _source_result(
    product: Product, source: Source, systems: SourceSystems, days: Sequence[Slot]
) -> tuple[CheckResult, Audit | None]:
    """Reads the days and runs the contract over them."""
    contract, name = product.contract(source.name), f"source {source.name}"
    try:
        with reader_of(product, source, systems) as reader:
            taken = taken_columns(product, source)
            # Hours that follow each other are in one answer of an API, in one reading of a stream.
            parts = (part for stretch in stretches(days) for part in reader.read(stretch))
            arrived = [as_raw(contract, part, taken) for part in parts]
    except (SourceError, SchemaChanged) as error:
        return CheckResult(name, "failed", str(error)), None
    # Of the day with the most rows: by these the type of a new column is guessed.
    diffs = [day.diff for day in sorted(arrived, key=lambda day: day.table.num_rows) if day.diff is not None]
    found = audit(contract, pa.concat_tables([day.table for day in arrived]), days, calendar=source.calendar)
    rows = sum(day.rows for day in found.days)
    if not rows:
        period = f"{days[0]} to {days[-1]}"
        return CheckResult(
            name, "failed", f"no rows on the sampled days, {period}; is start= right, or day_column=?"
        ), None
    extra = f"; not in the contract, and left out:\n{diffs[-1].text}" if diffs else ""
    if found.blocked:
        broken = ", ".join(f"{rule}: {n}" for rule, n in sorted(found.failed_by_rule.items(), key=lambda r: -r[1])[:5])
        bad = sum(day.quarantined for day in found.days)
        detail = f"{bad:,} of {rows:,} rows break the contract ({broken}); edit contracts/{contract.file}"
        worst = max(found.blocked, key=lambda day: day.share)
        detail += "".join(f"\n{text}" for text in [retyped_text(contract, found.quarantine, worst)] if text)
        return CheckResult(name, "failed", detail + extra), found
    bad = sum(day.quarantined for day in found.days)
    return CheckResult(name, "passed", f"{rows:,} rows, {bad:,} of them break the contract{extra}"), found


def _spine_results(product: Product, valid: Mapping[str, pa.Table]) -> list[CheckResult]:
    """The rows to decide: ids once each, entity keys in most rows."""
    rows = valid.get(product.spine.source)
    if rows is None or not rows.num_rows:
        return [CheckResult("rows to decide", "not judged", "no valid row of the sample")]
    ids = rows[product.spine.row_id]
    repeated = len(ids) - len(pc.unique(ids))
    results = [
        CheckResult(
            "row id",
            "failed",
            f"{repeated:,} of {len(ids):,} rows share their {product.spine.row_id}; name a unique column",
        )
        if repeated
        else CheckResult("row id", "passed", f"{product.spine.row_id}: {len(ids):,} different")
    ]
    for key in sorted({f.key for f in product.features.history if f.source == product.spine.source} - {WHOLE}):
        missing = rows[key].null_count
        state: State = "failed" if missing == rows.num_rows else "passed"
        results.append(
            CheckResult(f"entity {key}", state, f"{len(pc.unique(rows[key])):,} different, {missing:,} missing")
        )
    return results


def label_results(product: Product, rows: pa.Table | None, labels: pa.Table | None, now: datetime) -> list[CheckResult]:
    """The labels: they belong to rows that are decided, both classes are there, and corrections are taken.

    Args:
        rows: Valid rows of the spine's source; `None` where the source could not be read.
        labels: Valid rows of the label's source.
        now: No label known later is used.
    """
    label, row_id = product.label, product.spine.row_id
    if rows is None or labels is None or not rows.num_rows:
        return [CheckResult("label", "not judged", "no valid rows, or no valid labels, in the sample")]
    rows = rows.filter(pa.array(matching(rows, product.spine.filters)))
    as_of = pc.add(rows[product.spine.as_of], pa.scalar(product.spine.after, pa.duration("us")))
    try:
        mature = mature_labels(rows.append_column(AS_OF, as_of), labels, label, now, row_id=row_id)
    except RowsError as error:
        return [CheckResult("label", "failed", str(error))]
    observed, positive = len(mature) - mature["label"].null_count, pc.sum(mature["label"]).as_py() or 0
    if not observed and label.kind != "absence":
        return [CheckResult("label", "failed", _unobserved(product, rows, labels))]
    state: State = "passed" if 0 < positive < observed else "not judged"
    counted = f"{positive:,} of {observed:,} observed rows are positive, {len(mature) - observed:,} are unobserved"
    return [CheckResult("label", state, f"{counted}: {label.meaning}"), *_corrections(product, labels)]


def _unobserved(product: Product, rows: pa.Table, labels: pa.Table) -> str:
    """Why no sampled row has a label."""
    label, column = product.label, product.label.spine_column or product.spine.row_id
    ids = pc.unique(labels[label.row_id]).cast(rows[column].type)
    known = pc.sum(pc.is_in(rows[column], value_set=ids, skip_nulls=True)).as_py() or 0
    if known:
        why = f"{known:,} sampled rows have labels, all before the decision, after the horizon, or not due yet"
        return f"{why}; see kind=, horizon= and delay= of the label"
    return (
        f"none of {labels.num_rows:,} labels belongs to a sampled row: compare {label.row_id} of {label.source} with "
        f"{column} of {product.spine.source}"
    )


def _corrections(product: Product, labels: pa.Table) -> list[CheckResult]:
    """Whether rows of the label source that correct earlier ones are taken as that."""
    label = product.label
    if not label.column:
        return []
    record = label.record_key or label.row_id
    by_record = labels.group_by(record).aggregate([(label.column, "count_distinct")])
    changed = pc.sum(pc.greater(by_record[f"{label.column}_count_distinct"], 1)).as_py() or 0
    if label.revised:
        return [CheckResult("label corrections", "passed", f"{changed:,} sampled labels are corrected later")]
    if not changed or product.contract(label.source).key != (label.row_id,):
        return []  # several events of a row are no corrections of each other
    return [CheckResult(
        "label corrections", "not judged",
        f"{changed:,} rows have several values in {label.source}, and one that {label.bar} stays bad: "
        "write kind='outcome' in the label if a later value corrects the earlier one",
    )]  # fmt: skip


def _protected_results(product: Product, valid: Mapping[str, pa.Table]) -> list[CheckResult]:
    rows = valid.get(product.spine.source)
    if rows is None:
        return []
    return [
        CheckResult(
            f"protected {p.column}",
            "passed",
            f"{len(pc.unique(rows[p.column]))} values, {rows[p.column].null_count:,} missing",
        )
        for p in product.protected
    ]
