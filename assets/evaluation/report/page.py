"""The report of a model, as one self-contained HTML file: no script, nothing from another host.

Belongs here: the order of the sections, the gate of each. Does not belong here: a section (the `…_sections.py`), the
page around them (`frame.py`), the figures (`assets.evaluation`), where the page is kept (`assets.evaluation.assets`).
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from assets.bundle.bundle import BundleParts
from assets.evaluation.evaluate import Evaluation
from assets.evaluation.gates import GateVerdict
from assets.evaluation.report.curve_sections import ageing_section, calibration_section, profit_section, ranking_section
from assets.evaluation.report.facts import Reported
from assets.evaluation.report.frame import Framed, framed_page
from assets.evaluation.report.model_sections import (
    features_section,
    groups_section,
    origin_section,
    robustness_section,
    rows_section,
    slices_section,
)
from assets.evaluation.study.study import Study
from assets.pages.words import fixed
from assets.product import Product

REPORT = "model_report"
"""The name of the page in MLflow."""
_SECTIONS: tuple[tuple[str, str, Callable[[Reported], str]], ...] = (
    ("ranking", "Ranking", ranking_section),
    ("calibration", "Calibration", calibration_section),
    ("profit", "Profit", profit_section),
    ("ageing", "Ageing", ageing_section),
    ("features", "Features", features_section),
    ("slices", "Weak slices", slices_section),
    ("robustness", "Robustness", robustness_section),
    ("groups", "Groups of people", groups_section),
    ("rows", "Rows", rows_section),
    ("origin", "Origin", origin_section),
)
_PLACES: Mapping[str, str] = {
    "auc": "ranking", "auc_not_too_good": "ranking", "champion_comparison": "ranking", "overfit": "ranking",
    "calibration_error": "calibration", "profit_gain": "profit", "slice_auc": "groups", "selection_ratio": "groups",
    "odds_gap": "groups", "single_feature_auc": "features", "explanation_stability": "features",
    "noise_flips": "robustness", "score_stability": "rows", "unseen_rows": "rows",
}  # fmt: skip
"""The section on which a gate's figure is; of any other gate it is the origin of the model."""


def model_page(
    product: Product, parts: BundleParts, figures: Evaluation, study: Study, verdict: GateVerdict, *, made: datetime
) -> str:
    """The page.

    Args:
        parts: The candidate that was evaluated.
        made: When it was evaluated.
    """
    reported = Reported(product, parts, figures, study)
    test = figures.test
    return framed_page(
        product, parts, verdict,
        Framed(
            said=f"On {test.rows:,} rows later than those that it learned from, {test.positives:,} of them bad, its "
            f"AUC is {fixed(test.auc)} ({_range(reported, 'auc')}); that of the scorecard is "
            f"{fixed(figures.scorecard.auc)}.",
            sections=[(key, title, draw(reported)) for key, title, draw in _SECTIONS if _has(key, reported)],
            places=_PLACES,
            looks={"slices"} if any(one.confirmed for one in study.slices) else set(),
            entities=study.entities,
            of_intervals=", unless something else is said",
        ),
        made=made,
    )  # fmt: skip


def _has(key: str, reported: Reported) -> bool:
    if key == "ageing":
        return reported.study.ageing is not None
    return key != "groups" or bool(reported.figures.fairness)


def _range(reported: Reported, name: str) -> str:
    found = next(one for figure, one in reported.study.figures.items() if figure == name)
    return "no interval" if found.low is None else f"{fixed(found.low)} to {fixed(found.high)}"
