"""One candidate of an amount, evaluated: its figures, the verdict of the gates, and the bundle that holds them.

Belongs here: the order in which they are made from the rows of a run. Does not belong here: a figure (`figures.py`), a
gate (`gates.py`), reading tables (`assets.py`), the same of a binary target (`assets.evaluation.judged`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle, BundleParts
from assets.evaluation.amounts.errors import extreme_error
from assets.evaluation.amounts.figures import AmountEvaluation, evaluate_amounts
from assets.evaluation.amounts.gates import AmountSignals, evaluate_amount_gates
from assets.evaluation.gates import GateSignals, GateVerdict
from assets.evaluation.judged import in_order, lacks
from assets.evaluation.recourse import recourse_figures
from assets.evaluation.reference_profile import reference_profile
from assets.evaluation.study.parts import feature_groups, row_entities
from assets.metrics.ranking import Ranking
from assets.product import Amount, Product, ProductError
from assets.product.policies.amount_gates import AmountGates
from assets.serving.engine import Engine
from assets.training.candidate import boosted_model, labelled_rows


@dataclass(frozen=True, eq=False)
class JudgedAmounts:
    """An evaluated candidate.

    Attributes:
        figures: What was measured on the test rows.
        verdict: What the gates say of it.
        report: Every figure, gate and group, ready for JSON; the bundle has it too.
        parts: The bundle with the report and the profile of the test rows.
        rows: How many test rows there are.
    """

    figures: AmountEvaluation
    verdict: GateVerdict
    report: Mapping[str, Any]
    parts: BundleParts
    rows: int


def judge_amounts(
    product: Product,
    target: Amount,
    table: pa.Table,
    bundle: Bundle,
    engine: Engine,
    champion: Bundle | None,
    *,
    future_features: int,
    latency_ms: float | None,
) -> JudgedAmounts:
    """Evaluates a candidate on the test rows of its training set; arguments as for `judge_candidate`.

    A champion that states no amounts of this unit is none to compare with: its scores are another thing.

    Raises:
        EvaluationError: The objective has no loss for an amount.
        ModelError: A bundle cannot score the rows.
    """
    rows, split, _ = labelled_rows(product, table, bundle.parts.encoder)
    tested = in_order(table, rows.row_ids[split.test], product.spine.row_id)
    comparable = champion is not None and champion.policy.unit == target.unit
    figures = evaluate_amounts(
        product, target, rows, split, boosted_model(bundle.parts), bundle.parts.scorecard,
        served=engine.score(tested),
        champion=Engine(champion, None).score(tested)
        if champion is not None and comparable and not lacks(product, champion) else None,
        entity=row_entities(product, tested), interval=bundle.policy.interval, groups=feature_groups(product.features),
    )  # fmt: skip
    signals = signals_of(
        figures, first_model=not comparable, future_features=future_features, latency_ms=latency_ms,
        bundle_mb=bundle.size / 2**20,
    )  # fmt: skip
    verdict = evaluate_amount_gates(signals, _gates(product))
    report: dict[str, Any] = {
        "target": {"kind": target.kind, "unit": target.unit, "objective": target.objective},
        **figures.to_dict(), "gates": verdict.to_dict(), "champion": champion.version if champion else None,
    }  # fmt: skip
    if product.recourse is not None:
        report["recourse"] = recourse_figures(product, product.recourse, engine, tested).to_dict()
    # The profile has an AUC of every model: of an amount, how well it tells the larger half.
    halves = rows.y[split.test]
    reference = reference_profile(
        product, tested, bundle, positive_rate=float(halves.mean()), auc=ranking_of(halves, figures.predicted)
    )
    parts = replace(bundle.parts, metrics=report, reference=reference)
    return JudgedAmounts(figures, verdict, report, parts, len(split.test))


def signals_of(
    found: AmountEvaluation,
    *,
    first_model: bool,
    future_features: float | None,
    latency_ms: float | None,
    bundle_mb: float | None,
) -> AmountSignals:
    """The signals of an evaluated model, and those that the caller gives."""
    error = found.intervals["mean_error"].value
    return AmountSignals(
        skill=found.test.skill,
        skill_low=found.intervals["skill"].low,
        mean_error=None if found.test.mean_error is None else abs(error),
        decile_error=found.decile_error,
        loss_increase=None if found.comparison is None else found.comparison.high,
        overfit=found.overfit_low,
        group_error=extreme_error(found.groups),
        shared=GateSignals(
            profit_gain=found.tested.gain,
            score_psi=found.score_psi,
            single_feature_auc=found.single_feature.auc,
            future_features=future_features,
            latency_ms=latency_ms,
            bundle_mb=bundle_mb,
            explanation_agreement=None if found.steadiness is None else found.steadiness.agreement,
            noise_flips=found.flipped_share,
            unseen_share=found.representativeness.outside,
            serving_skew=found.serving_skew,
            first_model=first_model,
            no_protected=not found.groups,
            single_feature=found.single_feature.feature,
            few_features=found.steadiness is None,
        ),
    )


def ranking_of(halves: NDArray[np.int8], predicted: NDArray[np.float64]) -> float:
    """How well predictions tell the larger half of the amounts: an AUC."""
    return Ranking.of(halves, predicted).auc


def _gates(product: Product) -> AmountGates:
    if not isinstance(product.gates, AmountGates):
        raise ProductError(f"product {product.name}: its gates are those of a binary target; write AmountGates(...)")
    return product.gates
