"""The model card as Markdown: a model's purpose, data, figures, gates and limits.

Belongs here: the layout of recorded facts. Nothing is typed by hand and nothing is computed: a figure that was not
recorded makes the card fail, and a figure recorded as unknown is printed as unknown. Does not belong here: computing or
recording figures (`assets.evaluation`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any

from assets.bundle.bundle import BundleParts, Policy
from assets.bundle.registration import Approval
from assets.governance.amount_words import amount_blocks
from assets.governance.fairness_section import fairness_blocks
from assets.governance.recourse_words import recourse_words
from assets.metrics.amount_answers import NEVER
from assets.product import Product
from resources.errors import LooplineError

_MOST_IMPORTANT = 15
_UNKNOWN = "unknown"


class CardError(LooplineError):
    """A figure of the card was not recorded, or the bundle is of another product; the message names it."""


def model_card(product: Product, parts: BundleParts, *, approval: Approval | None = None, digest: str = "") -> str:
    """The card of one version.

    Args:
        product: The product's description when the model was trained.
        parts: The evaluated bundle: its `metrics` are `Evaluation.to_dict()` with `gates` (`GateVerdict.to_dict()`)
            and `champion` (the version that it was compared with); its `pins` name the tables and the runs.
        approval: The version's approval or rejection; `None` if nobody has answered yet.
        digest: Digest of the signed bundle; empty where it is not known yet.

    Raises:
        CardError: A figure of the card was not recorded, or the bundle is of another product.
    """
    if parts.product != product.name:
        raise CardError(f"the bundle is of {parts.product}, the product is {product.name}")
    evaluation = parts.metrics
    sections = (
        f"# {product.title}: model version {parts.version}",
        _lead(product, parts, approval),
        "Record: bundle, product, answers.",
        _purpose(product, parts),
        _rules(parts),
        _data(product, parts),
        _figures(evaluation),
        _profit(evaluation),
        _comparison(evaluation),
        _fairness(product, evaluation, parts.pins.get("mitigation")),
        _behaviour(evaluation),
        _gates(_get(evaluation, "gates")),
        _limits(product, evaluation),
        _features(parts),
        _origin(parts, digest),
    )
    return "\n\n".join(sections) + "\n"


def _lead(product: Product, parts: BundleParts, approval: Approval | None) -> str:
    passed = _get(_get(parts.metrics, "gates"), "action") == "promote"
    gates = "The gates passed it." if passed else "The gates refused it."
    if approval is None:
        answer = (
            "Nobody has approved or rejected it yet." if product.terms.sign_off.approvers else "It needs no approver."
        )
    else:
        verb = "Approved" if approval.answer == "approve" else "Rejected"
        answer = f"{verb} by {_text(approval.by)} on {approval.at.date().isoformat()}: {_text(approval.reason)}."
    created = parts.created_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"Trained on {created}. {gates} {answer} This page is generated from recorded facts."


def _purpose(product: Product, parts: BundleParts) -> str:
    policy = parts.policy
    rows = [
        ("question", product.question),
        ("owner", product.owner),
        ("impact", product.impact),
        ("score", policy.scale),
        *_answers(policy),
        ("without a score", policy.fallback),
        ("amount" if policy.unit else "bad outcome", product.label.meaning),
        ("known after", _days(product.label.maturity)),
    ]
    return _section("Purpose", _table(("", ""), rows))


def _answers(policy: Policy) -> list[tuple[str, object]]:
    """The thresholds with their answers, and exploration where there is any."""
    if policy.unit and policy.threshold == NEVER:
        return [("answer by the amount", f"{policy.accept}: nobody is refused by it")]
    if policy.refer is None:
        rows: list[tuple[str, object]] = [
            ("threshold", policy.threshold), ("below it", policy.accept), ("at or above it", policy.refuse)
        ]  # fmt: skip
    else:
        rows = [
            ("refuse threshold", policy.threshold), ("refer threshold", policy.refer_from),
            ("below both", policy.accept), ("between them", policy.refer), ("at or above both", policy.refuse),
        ]  # fmt: skip
    if policy.exploration:
        rows.append(("explored share of the refused", policy.exploration))
    return rows


def _rules(parts: BundleParts) -> str:
    """The rules beside the model, each with the owner who answers for it."""
    if not parts.rules:
        return _section("Rules", "No rule stands beside the model.")
    rows = [
        (
            rule.id,
            rule.kind.replace("_", " "),
            rule.when.words,
            parts.policy.refuse if rule.outcome == "refuse" else parts.policy.refer,
            rule.reason,
            rule.owner,
            rule.valid_from.isoformat(),
            "" if rule.valid_until is None else rule.valid_until.isoformat(),
            rule.mode,
        )
        for rule in parts.rules
    ]
    heads = ("rule", "kind", "condition", "answer", "reason", "owner", "from", "until", "mode")
    note = "A knock-out is applied before the model. A rule in shadow decides nothing: its hits are counted."
    return _section("Rules", note, _table(heads, rows))


def _data(product: Product, parts: BundleParts) -> str:
    windows = _get(parts.metrics, "windows")
    rows = [
        (name, _day(window, "first"), _day(window, "end"), _get(window, "rows")) for name, window in windows.items()
    ]
    purge = f"Between training and test rows lie {_days(product.label.maturity)}, the time a label takes to mature."
    if product.model.split == "random":
        purge = (
            "The rows have no time, so those of the test were chosen at random: no figure says how the model will age, "
            "nor whether a feature uses what was not yet known at the decision."
        )
    tables = {**_get(parts.pins, "pins"), "training set": _get(parts.pins, "version")}
    pinned = _table(("table", "version"), [(name, str(number)) for name, number in tables.items()])
    labels = f"Labels are as known at {_get(parts.pins, 'as_known_at')}."
    origin = _label_origin(parts.pins.get("provenance"))
    return _section(
        "Data", _table(("rows for", "from", "until (excluded)", "rows"), rows), purge, pinned, labels, origin
    )


def _label_origin(counts: Mapping[str, Any] | None) -> str:
    """From where the rows have their labels and features; a model from before this was counted says so."""
    if counts is None:
        return "From where each row has its label was not yet recorded when this model was trained."
    sources = [(f"rows with a label from {name}", rows) for name, rows in _get(counts, "label_source").items()]
    others = [(_words(name), value) for name, value in counts.items() if name not in ("label_source", "rows")]
    return _table(("labels and features", ""), [*sources, *others])


def _figures(evaluation: Mapping[str, Any]) -> str:
    note = "Only the test rows give unbiased figures: the model was trained on neither them nor anything later."
    return _section("Figures", _side_by_side(_get(evaluation, "metrics")), *amount_blocks(evaluation), note)


def _profit(evaluation: Mapping[str, Any]) -> str:
    return _section("Threshold and profit", _side_by_side(_get(evaluation, "threshold")))


def _comparison(evaluation: Mapping[str, Any]) -> str:
    title = "Comparison with the champion"
    figures, champion = _get(evaluation, "comparison"), _get(evaluation, "champion")
    if figures is None:
        return _section(title, f"Not compared with version {champion}." if champion else "There was no champion.")
    rows = [(_words(name), value) for name, value in figures.items()]
    return _section(title, f"On the same test rows, against version {champion}.", _table(("", ""), rows))


def _fairness(product: Product, evaluation: Mapping[str, Any], mitigation: Mapping[str, Any] | None) -> str:
    reports = _get(evaluation, "fairness")
    if not reports:
        return _section("Fairness", "The product declares no protected attribute.")
    bases = {attribute.column: attribute.legal_basis for attribute in product.protected}
    blocks = [block for report in reports for block in _groups(report, bases.get(_get(report, "attribute"), ""))]
    policy = fairness_blocks(evaluation.get("fairness_policy"), mitigation)
    return _section("Fairness", "Protected attributes are never given to the model.", *blocks, *policy)


def _groups(report: Mapping[str, Any], legal_basis: str) -> tuple[str, str]:
    """One attribute: its worst figures in a sentence, and a table of its groups."""
    groups = _get(report, "groups")
    heads = [key for key in groups[0] if key not in ("group", "judged")] if groups else []
    names = [str(_get(g, "group")) + ("" if _get(g, "judged") else " (too few to judge)") for g in groups]
    rows = [(name, *(_get(g, head) for head in heads)) for name, g in zip(names, groups, strict=True)]
    keys = ("largest_error",) if "largest_error" in report else ("selection_ratio", "odds_gap", "lowest_auc")
    worst = [f"{_words(key)} {_text(_get(report, key))}" for key in keys]
    basis = f" Legal basis: {legal_basis}." if legal_basis else ""
    return f"**{report['attribute']}**: {', '.join(worst)}.{basis}", _table(("group", *map(_words, heads)), rows)


def _behaviour(evaluation: Mapping[str, Any]) -> str:
    importance = _get(evaluation, "importance")[:_MOST_IMPORTANT]
    rows = [(_get(row, "feature"), f"{_get(row, 'share'):.1%}") for row in importance]
    best = _get(evaluation, "single_feature")
    alone = f"Best feature alone: {_get(best, 'feature')}, AUC {_text(_get(best, 'auc'))}."
    stability = [(_words(name), value) for name, value in _get(evaluation, "stability").items()]
    shares = _table(("feature", "share of all contributions"), rows)
    return _section("Behaviour", shares, alone, _table(("", ""), stability), *recourse_words(evaluation))


def _gates(gates: Mapping[str, Any]) -> str:
    rows = [
        (
            _words(_get(result, "name")),
            "" if _get(result, "passed") is None else _get(result, "value"),
            f"{'≥' if _get(result, 'comparison') == 'at_least' else '≤'} {_text(_get(result, 'threshold'))}",
            {True: "passed", False: "failed", None: "not asked"}[_get(result, "passed")],
            str(_get(result, "reason")).removeprefix(f"{result['name']}: "),
        )
        for result in _get(gates, "results")
    ]
    return _section("Gates", _table(("gate", "value", "bound", "", "why"), rows))


def _limits(product: Product, evaluation: Mapping[str, Any]) -> str:
    """The limits that follow from the recorded facts."""
    lines = [
        f"It answers one question, for the rows that this product decides: {product.question}",
        "Rows without an observed label count neither as good nor as bad: no figure includes them.",
        f"Decisions of the last {_days(product.label.maturity)} before training had no label yet.",
    ]
    for report in _get(evaluation, "fairness"):
        small = [str(group["group"]) for group in report["groups"] if not group["judged"]]
        if small:
            lines.append(f"{report['attribute']}: too few rows to judge {', '.join(small)}.")
    unknown = [_words(name) for name, value in _get(evaluation, "stability").items() if value is None]
    if unknown:
        lines.append(f"Could not be computed: {', '.join(unknown)}.")
    return _section("Limits", "\n".join(f"- {_text(line)}" for line in lines))


def _features(parts: BundleParts) -> str:
    features = parts.kernel.features
    units = features.units()
    rows = [(name, features.describe(name), units[name], features.owner_of(name)) for name in features.names]
    return _section("Features", _table(("feature", "meaning", "unit", "owner"), rows))


def _origin(parts: BundleParts, digest: str) -> str:
    rows = [
        ("bundle", digest or _UNKNOWN),
        ("feature set", parts.kernel.features.digest),
        ("MLflow run", _get(parts.pins, "mlflow_run")),
        ("Dagster run", _get(parts.pins, "dagster_run")),
    ]
    return _section("Origin", _table(("", ""), rows))


def _section(title: str, *blocks: str) -> str:
    return "\n\n".join((f"## {title}", *blocks, "Record: bundle, product."))


def _side_by_side(columns: Mapping[str, Mapping[str, Any]]) -> str:
    """A table with a column for each record and a row for each key."""
    names = list(dict.fromkeys(name for record in columns.values() for name in record))
    rows = [(_words(name), *(_get(record, name) for record in columns.values())) for name in names]
    return _table(("", *map(_words, columns)), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _text(value: object) -> str:
    """The text of a cell: numbers in four digits, Markdown's own characters escaped."""
    if value is None:
        return _UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")


def _get(record: Mapping[str, Any], key: str) -> Any:
    if key not in record:
        raise CardError(f"'{key}' was not recorded; recorded are {', '.join(map(str, record))}")
    return record[key]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _day(window: Mapping[str, Any], key: str) -> str:
    return str(_get(window, key))[:10]


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):g} days"
