"""The evidence of the leakage audit, gathered from the lake.

Belongs here: which rows are looked at, what is read for them, the figures of each feature together. Does not belong
here: the figures themselves (`recompute.py`, `label_evidence.py`), what follows from them (`leakage.py`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.encoder import Encoder
from assets.features.kernel.kernel import Kernel, compile_features
from assets.features.table.entity_events import events_of_entities, rows_with
from assets.metrics.ranking import single_features
from assets.product import GatePolicy, Product
from assets.training.candidate import LABEL
from assets.training.label_evidence import label_information, label_timing
from assets.training.leakage import AuditEvidence, FeatureEvidence, leakage_verdict
from assets.training.recompute import ChangedValue, changed_values, sample_rows
from assets.training.rows import days_to_label
from assets.vocabulary.times import AS_OF, SEQUENCE
from resources.lake import Lake

JUDGED_ROWS = 100_000
"""The most rows on which the figures of one feature against the label are taken."""


def gather_evidence(
    product: Product, lake: Lake, rows: pa.Table, label_events: pa.Table, now: datetime
) -> AuditEvidence:
    """What the audit finds of a training set; the cost is bounded by `GatePolicy.audited_rows` and `JUDGED_ROWS`.

    Args:
        rows: The training set: row id, keys, `as_of`, features, `label`.
        label_events: The label's source, as the labels were made from it.

    Raises:
        LakeError: A validated table is not there or damaged.
        EvaluationError: There is no feature.
    """
    sample = sample_rows(rows, seed=product.model.seed, rows=product.gates.audited_rows)
    changed, computed = _recomputed(product, lake, sample)
    judged = sample_rows(rows, seed=product.model.seed, rows=JUDGED_ROWS)
    # Learned values are those of the rows looked at: this matrix is measured and no model is fitted on it.
    encoder, y = Encoder.from_features(product.features, judged), judged[LABEL].to_numpy().astype(np.int8)
    matrix = encoder.encode(judged)
    days = days_to_label(judged, label_events, product.label, now, row_id=product.spine.row_id)
    auc: dict[str, float] = {}
    information: dict[str, float] = {}
    if 0 < y.sum() < len(y):  # with one class nothing is known of any feature, and what is unknown refuses
        auc = {found.feature: found.auc for found in single_features(matrix, encoder.columns, encoder.sources, y)}
        information = label_information(matrix, encoder.sources, y)
    timing = label_timing(matrix, encoder.sources, days)
    return AuditEvidence(
        product=product.name,
        rows=computed,
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
    """What later stages and the bundle's pins keep of the audit."""
    verdict = leakage_verdict(evidence, policy)
    changed = sum(bool(feature.changed) for feature in evidence.features)
    return {**verdict.to_dict(), "rows_computed_again": evidence.rows, "changed_features": float(changed)}


def strongest(evidence: AuditEvidence) -> dict[str, Any]:
    """For each figure the feature that has the most of it: how far the bars are."""
    figures: dict[str, Mapping[str, float | None]] = {
        "auc": {feature.feature: feature.auc for feature in evidence.features},
        "information": {feature.feature: feature.information for feature in evidence.features},
        "timing": {feature.feature: feature.timing for feature in evidence.features},
    }
    found: dict[str, Any] = {}
    for figure, values in figures.items():
        known = {name: value for name, value in values.items() if value is not None}
        name = max(known, key=lambda feature: abs(known[feature]), default=None)
        found[figure] = None if name is None else {"feature": name, "value": round(known[name], 4)}
    return found


def _recomputed(product: Product, lake: Lake, sample: pa.Table) -> tuple[tuple[ChangedValue, ...], int]:
    """What differs in the sampled rows, and how many of them could be computed again."""
    row_id, resolutions = product.spine.row_id, product.resolutions
    kernel = compile_features(product.features, resolutions)
    spine = _spine(product, kernel, lake, sample)
    here = pc.index_in(sample[row_id], value_set=spine[row_id].combine_chunks().cast(sample[row_id].type))
    there = sample.filter(pc.is_valid(here))
    spine = spine.take(here.drop_null())
    entities = {key: pc.unique(spine[key]) for key in product.features.keys}
    events = events_of_entities(
        lake, kernel, lambda source: f"{product.name}/validated_{source}", entities, sequence=product.spine.sequence
    )
    changed = changed_values(product.features, resolutions, events, spine, there, row_id=row_id)
    return changed, there.num_rows


def _spine(product: Product, kernel: Kernel, lake: Lake, sample: pa.Table) -> pa.Table:
    """The sampled rows as their source has them now; a column that it does not have is empty."""
    spec, table = product.spine, f"{product.name}/validated_{product.spine.source}"
    asked = [feature.name for feature in product.features.request]
    own = [column for need in kernel.needs for column in need.request]
    sequence = [] if spec.sequence is None else [spec.sequence]
    wanted = list(dict.fromkeys([spec.row_id, spec.as_of, *product.features.keys, *asked, *own, *sequence]))
    there = set(lake.schema(table).names)
    found = rows_with(lake, table, [n for n in wanted if n in there], {spec.row_id: pc.unique(sample[spec.row_id])})
    columns = {name: found[name] if name in there else pa.nulls(found.num_rows) for name in wanted}
    if spec.sequence is not None:
        columns[SEQUENCE] = columns[spec.sequence]
    return pa.table({**columns, AS_OF: columns[spec.as_of]})
