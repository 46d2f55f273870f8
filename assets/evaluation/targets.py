"""What a kind of target means for evaluation: the one place where evaluation tells kinds apart.

Belongs here: for each kind the evaluation of a candidate, its report and pictures, as one frozen value. Does not belong
here: how it is done (`judged.py`, `amounts`), the names of its gates (`known.py`), reading tables (`assets.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle, BundleParts
from assets.evaluation.amounts.figures import AmountEvaluation
from assets.evaluation.amounts.judged import judge_amounts, ranking_of
from assets.evaluation.amounts.pictures import draw_amounts
from assets.evaluation.amounts.report import ReportedAmounts, amount_page
from assets.evaluation.evaluate import draw
from assets.evaluation.gates import GateVerdict
from assets.evaluation.judged import judge_candidate
from assets.evaluation.recording import study_metrics
from assets.evaluation.report.page import model_page
from assets.metrics.amounts import measure_amounts
from assets.metrics.ranking import measure
from assets.product import Amount, Product
from assets.serving.engine import Engine
from assets.training.rows.learning import TrainingRows


@dataclass(frozen=True, eq=False)
class Appraised:
    """An evaluated candidate, of either kind.

    Attributes:
        rows: How many test rows there are.
        verdict: What the gates say of it.
        report: Every figure, gate and group, ready for JSON; the bundle has it too.
        parts: The bundle with the report and the profile of the test rows.
        pictures: PNG bytes by name.
        metrics: The figures on the test rows with their intervals, for MLflow.
        curves: Curves with intervals, ready for JSON.
        page: The report as HTML.
        shown: The figures that Dagster shows.
    """

    rows: int
    verdict: GateVerdict
    report: Mapping[str, Any]
    parts: BundleParts
    pictures: Mapping[str, bytes]
    metrics: Mapping[str, float | None]
    curves: Mapping[str, Any]
    page: str
    shown: Mapping[str, float | None]


def appraise(
    product: Product,
    table: pa.Table,
    bundle: Bundle,
    engine: Engine,
    champion: Bundle | None,
    *,
    future_features: int,
    latency_ms: float | None,
    made: datetime,
) -> Appraised:
    """Evaluates a candidate by its kind of target; arguments and errors as for `judge_candidate`.

    Args:
        made: When it is evaluated.
    """
    target = product.model.target
    if isinstance(target, Amount):
        found = judge_amounts(
            product, target, table, bundle, engine, champion, future_features=future_features, latency_ms=latency_ms
        )
        told = ReportedAmounts(product, target, bundle.parts, found.figures)
        return Appraised(
            rows=found.rows, verdict=found.verdict, report=found.report, parts=found.parts,
            pictures=draw_amounts(found.figures, target), metrics=_metrics(found.figures),
            curves={"calibration": found.figures.deciles.to_dict()},
            page=amount_page(told, found.verdict, made=made),
            shown={"skill": found.figures.test.skill, "mae": found.figures.test.mae},
        )  # fmt: skip
    judged = judge_candidate(
        product, table, bundle, engine, champion, future_features=future_features, latency_ms=latency_ms
    )
    return Appraised(
        rows=judged.rows, verdict=judged.verdict, report=judged.report, parts=judged.parts,
        pictures=draw(judged.figures), metrics=study_metrics(judged.study),
        curves={name: band.to_dict() for name, band in judged.study.curves.items()},
        page=model_page(product, bundle.parts, judged.figures, judged.study, judged.verdict, made=made),
        shown={"auc": judged.figures.test.auc},
    )  # fmt: skip


@dataclass(frozen=True)
class FiguresOfTest:
    """The figures of scores of test rows, and what the reference profile keeps of them."""

    figures: Mapping[str, Any]
    positive_rate: float
    auc: float


def figures_of_test(product: Product, test: TrainingRows, scores: NDArray[np.float64]) -> FiguresOfTest:
    """The figures of these scores by the product's kind of target, as an evaluation records them.

    Raises:
        EvaluationError: They cannot be computed of these rows.
    """
    target, share = product.model.target, float(test.y.mean())
    if isinstance(target, Amount):
        found = measure_amounts(target, test.amounts, scores)
        return FiguresOfTest(found.to_dict(), share, ranking_of(test.y, scores))
    figures = measure(test.y, scores, seed=product.model.seed)
    return FiguresOfTest(figures.to_dict(), share, figures.auc)


def _metrics(found: AmountEvaluation) -> dict[str, float | None]:
    metrics: dict[str, float | None] = {}
    for name, figure in found.intervals.items():
        metrics |= {f"test_{name}": figure.value, f"test_{name}_low": figure.low, f"test_{name}_high": figure.high}
    return metrics
