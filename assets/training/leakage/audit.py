"""The evidence of the leakage audit, gathered from the lake.

Belongs here: sampling rows, reading their source and events, and collecting the figures of each feature. Does not
belong here: computing figures (`recompute.py`, `label_evidence.py`), the verdict on them (`verdict.py`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.encoder import Encoder
from assets.features.columns.columns import with_whole
from assets.features.kernel.kernel import Kernel, compile_features
from assets.features.table.entity_events import events_of_entities, rows_with
from assets.metrics.ranking import single_features
from assets.product import GatePolicy, Product
from assets.product.names import validated_table
from assets.training.amounts.told import learned_labels
from assets.training.leakage.label_evidence import label_information, label_timing
from assets.training.leakage.recompute import ChangedValue, changed_values, sample_rows
from assets.training.leakage.verdict import AuditEvidence, FeatureEvidence, leakage_verdict
from assets.training.rows.labels import days_to_label
from assets.training.rows.learning import LABEL
from assets.vocabulary.times import AS_OF, SEQUENCE
from resources.lake import Lake

MEASURED_ROWS = 100_000
"""The largest number of rows on which features are measured against the label."""


def gather_evidence(
    product: Product, lake: Lake, rows: pa.Table, label_events: pa.Table, now: datetime
) -> AuditEvidence:
    """Measures a training set for leaks; `GatePolicy.audited_rows` and `MEASURED_ROWS` bound the cost.

    Args:
        rows: The training set: row id, keys, `as_of`, features, `label`.
        label_events: The events from which the labels were computed.

    Raises:
        LakeError: A validated table is missing or damaged.
        EvaluationError: There is no feature.
    """
    sample = sample_rows(rows, seed=product.model.seed, rows=product.gates.audited_rows)
    changed, recomputed_rows = _recomputed(product, lake, sample)
    measured = sample_rows(rows, seed=product.model.seed, rows=MEASURED_ROWS)
    # The encoder learns its categories from the measured rows: no model is fitted on this matrix.
    encoder = Encoder.from_features(product.features, measured)
    y = learned_labels(product, measured)[LABEL].to_numpy().astype(np.int8)
    matrix = encoder.encode(measured)
    days = days_to_label(measured, label_events, product.label, now, row_id=product.spine.row_id)
    auc: dict[str, float] = {}
    information: dict[str, float] = {}
    if 0 < y.sum() < len(y):  # with one class both figures stay unknown, and the audit refuses unknown figures
        auc = {single.feature: single.auc for single in single_features(matrix, encoder.columns, encoder.sources, y)}
        information = label_information(matrix, encoder.sources, y)
    timing = label_timing(matrix, encoder.sources, days)
    return AuditEvidence(
        product=product.name,
        rows=recomputed_rows,
        wanted=sample.num_rows,
        features=tuple(
            FeatureEvidence(
                feature=name,
                auc=auc.get(name),
                information=information.get(name),
                timing=timing[name],
                changed=tuple(value for value in changed if value.feature == name),
            )
            for name in product.features.names
        ),
    )


def audit_summary(evidence: AuditEvidence, policy: GatePolicy) -> dict[str, Any]:
    """The summary of the audit for later stages and for the pins of the bundle."""
    verdict = leakage_verdict(evidence, policy)
    changed = sum(bool(feature.changed) for feature in evidence.features)
    return {**verdict.to_dict(), "rows_recomputed": evidence.rows, "changed_features": float(changed)}


def strongest(evidence: AuditEvidence) -> dict[str, Any]:
    """For each figure the feature with the largest absolute value, to show the distance to the limit."""
    figures: dict[str, Mapping[str, float | None]] = {
        "auc": {feature.feature: feature.auc for feature in evidence.features},
        "information": {feature.feature: feature.information for feature in evidence.features},
        "timing": {feature.feature: feature.timing for feature in evidence.features},
    }
    largest: dict[str, Any] = {}
    for figure, values in figures.items():
        known = {name: value for name, value in values.items() if value is not None}
        name = max(known, key=lambda feature: abs(known[feature]), default=None)
        largest[figure] = None if name is None else {"feature": name, "value": round(known[name], 4)}
    return largest


def _recomputed(product: Product, lake: Lake, sample: pa.Table) -> tuple[tuple[ChangedValue, ...], int]:
    """The values that differ in the sampled rows, and how many of these rows could be recomputed."""
    row_id, resolutions = product.spine.row_id, product.resolutions
    kernel = compile_features(product.features, resolutions)
    spine = _spine(product, kernel, lake, sample)
    spine_positions = pc.index_in(sample[row_id], value_set=spine[row_id].combine_chunks().cast(sample[row_id].type))
    recorded = sample.filter(pc.is_valid(spine_positions))
    spine = spine.take(spine_positions.drop_null())
    entities = {key: pc.unique(spine[key]) for key in product.features.keys}
    events = events_of_entities(
        lake, kernel, lambda source: validated_table(product.name, source), entities, sequence=product.spine.sequence
    )
    changed = changed_values(product.features, resolutions, events, spine, recorded, row_id=row_id)
    return changed, recorded.num_rows


def _spine(product: Product, kernel: Kernel, lake: Lake, sample: pa.Table) -> pa.Table:
    """The sampled rows as their source has them now; a column that the source lacks is empty."""
    spec, table = product.spine, validated_table(product.name, product.spine.source)
    request = [feature.name for feature in product.features.request]
    history_request = [column for need in kernel.needs for column in need.request]
    sequence = [] if spec.sequence is None else [spec.sequence]
    wanted = dict.fromkeys(
        [spec.row_id, spec.as_of, *product.features.key_columns, *request, *history_request, *sequence]
    )
    present = set(lake.schema(table).names)
    available = [name for name in wanted if name in present]
    rows = rows_with(lake, table, available, {spec.row_id: pc.unique(sample[spec.row_id])})
    columns = {name: rows[name] if name in available else pa.nulls(rows.num_rows) for name in wanted}
    if spec.sequence is not None:
        columns[SEQUENCE] = columns[spec.sequence]
    decided = pc.add(columns[spec.as_of], pa.scalar(spec.after, pa.duration("us")))
    return with_whole(pa.table({**columns, AS_OF: decided}), product.features.keys)
