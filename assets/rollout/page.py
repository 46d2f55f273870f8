"""The page of a rollout, as one self-contained HTML file.

Belongs here: how declaration, arms, intervals and changes of a rollout are shown to people. Does not belong here: the
figures (`outcomes`, `steward.py`), pictures (`plots.py`), where the page is kept.
"""

import base64
from collections.abc import Iterable, Sequence
from html import escape

from assets.pages.document import document
from assets.pages.drawing import whole_table
from assets.pages.words import sentence
from assets.product import Product
from assets.rollout.moves import Begun, last_begun, where
from assets.rollout.outcomes.cohorts import Experiment, Point
from assets.rollout.outcomes.off_policy import Estimate
from assets.rollout.outcomes.results import Results
from assets.rollout.plots import interval_over_time
from assets.rollout.steps import ASSIGNMENT, told
from assets.rollout.steward import Look
from resources.rollout_store.manifest import Move, RolloutManifest


def to_html(product: Product, state: RolloutManifest, found: Look, results: Results) -> str:
    """The page of the rollout under way, or of the last one: no script, no link to another host.

    Args:
        found: The present look; its signals are those of the rollout under way.
    """
    begun = last_begun(state)
    parts = [f"<p class=note>{escape(sentence(where(state)))}.</p>", _verdict(state, found)]
    if begun is not None:
        parts.append(_declared(begun))
    parts += [_arms(results), *_tests(results), _assignment(found), _signals(found), _values(results.values)]
    parts.append(_changes(state.moves))
    title = f"Rollout of {product.title}"
    head = f"<header><h1>{escape(title)}</h1></header>"
    return document(title, "\n".join(part for part in (head, *parts) if part) + "\n")


def _verdict(state: RolloutManifest, found: Look) -> str:
    if not state.rollout:
        return ""
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in found.verdict.reasons)
    return f"<h2>Verdict: {escape(found.verdict.action.replace('_', ' '))}</h2><ul>{reasons}</ul>"


def _declared(begun: Begun) -> str:
    """What was declared before the first decision; the audit log has it too."""
    policy = begun.policy
    facts = [
        ("began", f"{begun.who.at:%Y-%m-%d %H:%M} UTC, by {begun.who.by}: {begun.who.reason}"),
        ("rollout", begun.rollout),
        ("strategy", policy.strategy.replace("_", " ")),
        ("challengers", ", ".join(f"version {version}" for version in begun.versions)),
    ]
    if policy.strategy == "ab_test":
        facts += [
            ("hypothesis", policy.hypothesis),
            ("metric", f"{policy.metric.replace('_', ' ')} of a decision"),
            ("smallest effect", f"{policy.smallest_effect:g}"),
        ]
    if policy.strategy in ("ab_test", "bandit"):
        facts += [("share of the challengers", f"{policy.share:.0%}"), ("horizon", f"{policy.horizon.days} days")]
    guards = ", ".join(f"{guard.signal} {guard.smallest_effect:g}" for guard in policy.guards)
    facts.append(("smallest effects of the guards", guards or "none"))
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<h2>As declared before it began</h2><dl>{listed}</dl>"


def _arms(results: Results) -> str:
    heads = ("arm", "version", "decisions with a due label", "accepted", "labelled", "bad rate", "profit a decision")
    rows = [
        (arm.arm, arm.version, f"{arm.decisions:,}", f"{arm.accepted:,}", f"{arm.labelled:,}", _number(arm.bad_rate),
         f"{_number(arm.profit)} ({arm.profit_low:.4g} to {arm.profit_high:.4g})")
        for arm in results.arms
    ]  # fmt: skip
    return "<h2>Arms</h2>" + (whole_table(heads, rows) if rows else "<p>No label is due yet.</p>")


def _tests(results: Results) -> Iterable[str]:
    for test, path in zip(results.experiments, results.paths, strict=True):
        yield f"<h2>Version {escape(test.version)} beside the champion: {escape(test.conclusion)}</h2>" + _test(
            test, path
        )


def _test(test: Experiment, path: Sequence[Point]) -> str:
    shown = f"<p>{escape(test.reason)}. The interval holds whenever one looks, with a chance of 95% for all looks.</p>"
    if not path:
        return shown
    content = base64.b64encode(interval_over_time(path, test.metric, test.smallest_effect)).decode()
    return f'{shown}<img alt="the interval over time" src="data:image/png;base64,{content}">'


def _assignment(found: Look) -> str:
    evidence = found.signals.evidence.get(ASSIGNMENT)
    if evidence is None:
        return "<h2>Sample ratio</h2><p>No process has seen both arms.</p>"
    said = "differs from what was declared: no figure means anything" if evidence.breached else "is as declared"
    return f"<h2>Sample ratio</h2><p>The assignment {said}. {escape(told(evidence))}.</p>"


def _signals(found: Look) -> str:
    if not found.readings:
        return ""
    heads = ("signal", "champion", "challenger", "requests of both", "needed of both", "evidence")
    rows = [
        (one["signal"], _number(one["champion"]), _number(one["challenger"]),
         f"{one['n_champion']:,}, {one['n_challenger']:,}",
         "" if one["needed_champion"] is None else f"{one['needed_champion']:,}, {one['needed_challenger']:,}",
         f"{one['evidence']:.1f} of {one['threshold']:.1f}")
        for one in found.readings
    ]  # fmt: skip
    return "<h2>Guards</h2>" + whole_table(heads, rows)


def _values(values: Sequence[Estimate]) -> str:
    if not values:
        return ""
    heads = ("arm", "method", "value a decision", "interval", "effective decisions", "")
    rows = [
        (one.policy, one.method, _number(one.value), f"{_number(one.low)} to {_number(one.high)}" if one.value else "",
         "" if one.effective is None else f"{one.effective:,.0f} of {one.decisions:,}", "; ".join(one.reasons))
        for one in values
    ]  # fmt: skip
    return "<h2>Values by propensities</h2>" + whole_table(heads, rows)


def _changes(moves: Sequence[Move]) -> str:
    heads = ("when", "what", "version", "by", "why")
    rows = [
        (f"{move.at:%Y-%m-%d %H:%M:%S}", move.action.replace("_", " "), move.version, move.by, move.reason)
        for move in reversed(moves)
    ]
    return "<h2>Changes, the newest first</h2>" + whole_table(heads, rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
