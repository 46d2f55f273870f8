"""One candidate, evaluated: its figures, their study, the verdict of the gates, and the bundle that holds them.

Belongs here: the order in which they are made from the rows of a run. Does not belong here: a figure (`evaluate.py`,
`study`), a gate (`gates.py`), reading tables (`assets.py`), what MLflow keeps (`recording.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle, BundleParts
from assets.evaluation.candidate_study import candidate_study
from assets.evaluation.evaluate import Evaluation, evaluate_model
from assets.evaluation.gates import GateVerdict, evaluate
from assets.evaluation.recourse import recourse_figures
from assets.evaluation.reference_profile import reference_profile
from assets.evaluation.study.parts import row_entities
from assets.evaluation.study.study import Study
from assets.product import Product
from assets.serving.engine import Engine
from assets.training.candidate import boosted_model, labelled_rows


@dataclass(frozen=True, eq=False)
class Judged:
    """An evaluated candidate.

    Attributes:
        figures, study: What was measured on the test rows.
        verdict: What the gates say of it.
        report: Every figure, gate and group, ready for JSON; the bundle has it too.
        parts: The bundle with the report and the profile of the test rows.
        rows: How many test rows there are.
    """

    figures: Evaluation
    study: Study
    verdict: GateVerdict
    report: Mapping[str, Any]
    parts: BundleParts
    rows: int


def judge_candidate(
    product: Product,
    table: pa.Table,
    bundle: Bundle,
    engine: Engine,
    champion: Bundle | None,
    *,
    future_features: int,
    latency_ms: float | None,
) -> Judged:
    """Evaluates a candidate on the test rows of its training set.

    Args:
        table: The training set.
        bundle: The candidate.
        engine: The candidate, as the decision service runs it.
        champion: The bundle that decides now; `None` before the first.
        future_features: How many features of the audited rows changed when they were computed again.
        latency_ms: The 99th percentile of a decision; `None` if it could not be measured.

    Raises:
        EvaluationError: A part of the rows has one class only.
        ModelError: A bundle cannot score the rows.
    """
    rows, split, _ = labelled_rows(product, table, bundle.parts.encoder)
    tested = in_order(table, rows.row_ids[split.test], product.spine.row_id)
    model = boosted_model(bundle.parts)
    figures = evaluate_model(
        rows, split, model, bundle.parts.scorecard,
        decision=product.decision, protected=product.protected, gates=product.gates, seed=product.model.seed,
        champion_scores=None if champion is None or lacks(product, champion) else Engine(champion, None).score(tested),
        fairness=product.fairness, entities=row_entities(product, tested),
    )  # fmt: skip
    study = candidate_study(product, tested, rows, split, model.predict, engine, figures)
    figures = replace(figures, study=study)
    signals = figures.signals(
        first_model=champion is None, future_features=future_features, latency_ms=latency_ms,
        bundle_mb=bundle.size / 2**20,
    )  # fmt: skip
    verdict = evaluate(signals, product.gates, figures.assessment.gates if figures.assessment else ())
    report: dict[str, Any] = {
        **figures.to_dict(), "gates": verdict.to_dict(), "champion": champion.version if champion else None,
    }  # fmt: skip
    if product.recourse is not None:
        report["recourse"] = recourse_figures(product, product.recourse, engine, tested).to_dict()
    bad = float(rows.y[split.test].mean())
    reference = reference_profile(product, tested, bundle, positive_rate=bad, auc=figures.test.auc)
    parts = replace(bundle.parts, metrics=report, reference=reference)
    return Judged(figures, study, verdict, report, parts, len(split.test))


def lacks(product: Product, champion: Bundle) -> bool:
    """Whether the champion needs a feature that is no longer declared: its column is there, without later values."""
    return not set(champion.parts.kernel.features.names) <= set(product.features.names)


def in_order(table: pa.Table, row_ids: NDArray[np.generic], row_id: str) -> pa.Table:
    """The table's rows with these ids, in the order of the ids."""
    ids = table[row_id].combine_chunks()
    return table.take(pc.index_in(pa.array(row_ids, ids.type), value_set=ids))
