"""The report of a model, as one self-contained HTML file: no script, nothing from another host.

Belongs here: the order of the sections, the head of the page with the gates. Does not belong here: a section (the
`…_sections.py`), the figures (`assets.evaluation`), where the page is kept (`assets.evaluation.assets`).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from html import escape

from assets.bundle.bundle import BundleParts
from assets.evaluation.evaluate import Evaluation
from assets.evaluation.gates import GateResult, GateVerdict
from assets.evaluation.report.curve_sections import ageing_section, calibration_section, profit_section, ranking_section
from assets.evaluation.report.facts import Reported
from assets.evaluation.report.model_sections import (
    features_section,
    groups_section,
    origin_section,
    robustness_section,
    rows_section,
    slices_section,
)
from assets.evaluation.study.study import Study
from assets.pages.document import State, document, marked_line, navigation, section
from assets.pages.words import fixed, minute
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
    shown = [one for one in _SECTIONS if _has(one[0], reported)]
    looks = {_place(gate) for gate in verdict.results if gate.passed is False}
    looks |= {"slices"} if any(one.confirmed for one in study.slices) else set()
    body = "".join(section(key, title, draw(reported)) for key, title, draw in shown)
    named = [(key, title) for key, title, _ in shown]
    return document(
        f"Model of {product.title}, {made:%Y-%m-%d}",
        f"<header><h1>{escape(product.title)}: the candidate of {made:%-d %B %Y}</h1>"
        f"<p>{escape(product.question)} Trained {minute(parts.created_at)} UTC; owner {escape(product.owner)}.</p>"
        f"</header>\n{navigation([('gates', 'Gates'), *named], looks)}"
        f"<main>{_summary(reported, verdict)}\n{body}</main>"
        f"<footer>Intervals are of 95%, by drawing the {study.entities:,} entities of the test rows again, unless "
        f"something else is said. Made when the model was evaluated; what it does since is on the monitoring page."
        f"</footer>",
    )


def _has(key: str, reported: Reported) -> bool:
    if key == "ageing":
        return reported.study.ageing is not None
    return key != "groups" or bool(reported.figures.fairness)


def _summary(reported: Reported, verdict: GateVerdict) -> str:
    failed = [gate for gate in verdict.results if gate.passed is False]
    passed = sum(gate.passed is True for gate in verdict.results)
    test, kind = reported.figures.test, " look" if failed else ""
    headline = (
        f"Refused by {len(failed)} of {len(verdict.results)} gates"
        if failed
        else f"Passed all {passed} gates it was asked"
    )
    told = (
        f"On {test.rows:,} rows later than those that it learned from, {test.positives:,} of them bad, its AUC is "
        f"{fixed(test.auc)} ({_range(reported, 'auc')}); that of the scorecard is "
        f"{fixed(reported.figures.scorecard.auc)}."
    )
    listed = "".join(f"<li>{escape(gate.reason)}</li>" for gate in failed)
    lines = "".join(
        marked_line(_state(gate), gate.name.replace("_", " "), _place(gate), _said(gate)) for gate in verdict.results
    )
    return (
        f'<section id="gates"><div class="headline{kind}"><strong>{headline}</strong>'
        f"{f'<ul>{listed}</ul>' if listed else ''}</div><p>{escape(told)}</p><ul class=lines>{lines}</ul></section>"
    )


def _range(reported: Reported, name: str) -> str:
    found = next(one for figure, one in reported.study.figures.items() if figure == name)
    return "no interval" if found.low is None else f"{fixed(found.low)} to {fixed(found.high)}"


def _state(gate: GateResult) -> State:
    return "unknown" if gate.passed is None else "good" if gate.passed else "look"


def _said(gate: GateResult) -> str:
    return gate.reason.removeprefix(f"{gate.name}: ")


def _place(gate: GateResult) -> str:
    return _PLACES.get(gate.name, "origin")
