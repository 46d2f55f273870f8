"""The model card: what a model is for, what it was made of and how well it does, as Markdown.

Belongs here: laying out what is recorded. Nothing is typed in by hand and nothing is computed: a figure that was not
recorded makes the card fail, and one that was recorded as unknown is printed as unknown. Does not belong here:
recording.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any

from assets.bundle.bundle import BundleParts
from assets.bundle.registration import Approval
from assets.product import Product
from resources.errors import LooplineError

_MOST_IMPORTANT = 15
_UNKNOWN = "unknown"


class CardError(LooplineError):
    """Something that the card shows was not recorded; the message names it."""


def model_card(product: Product, parts: BundleParts, *, approval: Approval | None = None, digest: str = "") -> str:
    """The card of one version.

    Args:
        product: As it was when the model was trained.
        parts: The evaluated bundle: its `metrics` are `Evaluation.to_dict()` with `gates` (`GateVerdict.to_dict()`)
            and `champion` (the version that it was compared with), its `pins` what it was made from.
        approval: What a person said; `None` for nothing yet.
        digest: Of the signed bundle; empty where it is not known yet.

    Raises:
        CardError: The bundle lacks a part that the card shows, or is another product's.
    """
    if parts.product != product.name:
        raise CardError(f"the bundle is of {parts.product}, the product is {product.name}")
    found = parts.metrics
    sections = (
        f"# {product.title}: model version {parts.version}",
        _lead(product, parts, approval),
        _purpose(product, parts),
        _data(product, parts),
        _figures(found),
        _money(found),
        _comparison(found),
        _fairness(product, found),
        _behaviour(found),
        _gates(_get(found, "gates")),
        _limits(product, found),
        _features(parts),
        _origin(parts, digest),
    )
    return "\n\n".join(sections) + "\n"


def _lead(product: Product, parts: BundleParts, approval: Approval | None) -> str:
    passed = _get(_get(parts.metrics, "gates"), "action") == "promote"
    said = "The gates let it pass." if passed else "The gates refused it."
    if approval is None:
        people = "Nobody has approved or rejected it yet." if product.impact == "high" else "It needs no approver."
    else:
        verb = "Approved" if approval.answer == "approve" else "Rejected"
        people = f"{verb} by {_text(approval.by)} on {approval.at.date().isoformat()}: {_text(approval.reason)}."
    made = parts.created_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"Made on {made}. {said} {people} This page is generated from what was recorded."


def _purpose(product: Product, parts: BundleParts) -> str:
    policy = parts.policy
    rows = [
        ("question", product.question),
        ("owner", product.owner),
        ("impact", product.impact),
        ("score", policy.scale),
        ("threshold", policy.threshold),
        ("below it", policy.accept),
        ("at or above it", policy.refuse),
        ("when nothing can score", policy.fallback),
        ("bad outcome", product.label.meaning),
        ("known after", _days(product.label.maturity)),
    ]
    return _section("Purpose", _table(("", ""), rows))


def _data(product: Product, parts: BundleParts) -> str:
    windows = _get(parts.metrics, "windows")
    rows = [(name, _day(part, "first"), _day(part, "end"), _get(part, "rows")) for name, part in windows.items()]
    purge = f"Between training and test lie {_days(product.label.maturity)}, as long as a label takes to mature."
    tables = {**_get(parts.pins, "pins"), "training set": _get(parts.pins, "version")}
    pinned = _table(("table", "version"), [(name, str(number)) for name, number in tables.items()])
    known = f"Labels are as they were known at {_get(parts.pins, 'as_known_at')}."
    return _section("Data", _table(("rows for", "from", "until (excluded)", "rows"), rows), purge, pinned, known)


def _figures(found: Mapping[str, Any]) -> str:
    note = "Only the test rows are free of optimism: the model saw neither them nor anything later."
    return _section("Figures", _side_by_side(_get(found, "metrics")), note)


def _money(found: Mapping[str, Any]) -> str:
    return _section("Threshold and profit", _side_by_side(_get(found, "threshold")))


def _comparison(found: Mapping[str, Any]) -> str:
    title, figures, champion = "Comparison with the champion", _get(found, "comparison"), _get(found, "champion")
    if figures is None:
        return _section(title, f"Not compared with version {champion}." if champion else "There was no champion.")
    rows = [(_words(name), value) for name, value in figures.items()]
    return _section(title, f"On the same test rows, against version {champion}.", _table(("", ""), rows))


def _fairness(product: Product, found: Mapping[str, Any]) -> str:
    reports = _get(found, "fairness")
    if not reports:
        return _section("Fairness", "The product declares no protected attribute.")
    basis = {attribute.column: attribute.legal_basis for attribute in product.protected}
    parts = [part for report in reports for part in _groups(report, basis.get(_get(report, "attribute"), ""))]
    return _section("Fairness", "Protected attributes are never given to the model.", *parts)


def _groups(report: Mapping[str, Any], basis: str) -> tuple[str, str]:
    """One attribute: its worst figures in a sentence, and a table of its groups."""
    groups = _get(report, "groups")
    heads = [key for key in groups[0] if key not in ("group", "judged")] if groups else []
    names = [str(_get(g, "group")) + ("" if _get(g, "judged") else " (too few to judge)") for g in groups]
    rows = [(name, *(_get(g, head) for head in heads)) for name, g in zip(names, groups, strict=True)]
    worst = [f"{_words(key)} {_text(_get(report, key))}" for key in ("selection_ratio", "odds_gap", "lowest_auc")]
    why = f" Legal basis: {basis}." if basis else ""
    return f"**{report['attribute']}**: {', '.join(worst)}.{why}", _table(("group", *map(_words, heads)), rows)


def _behaviour(found: Mapping[str, Any]) -> str:
    importance = _get(found, "importance")[:_MOST_IMPORTANT]
    rows = [(_get(row, "feature"), f"{_get(row, 'share'):.1%}") for row in importance]
    single = _get(found, "single_feature")
    alone = f"Best feature alone: {_get(single, 'feature')}, AUC {_text(_get(single, 'auc'))}."
    stability = [(_words(name), value) for name, value in _get(found, "stability").items()]
    shares = _table(("feature", "share of all contributions"), rows)
    return _section("Behaviour", shares, alone, _table(("", ""), stability))


def _gates(gates: Mapping[str, Any]) -> str:
    rows = [
        (
            _words(_get(result, "name")),
            _get(result, "value"),
            f"{'≥' if _get(result, 'comparison') == 'at_least' else '≤'} {_text(_get(result, 'threshold'))}",
            "passed" if _get(result, "passed") else "failed",
            str(_get(result, "reason")).removeprefix(f"{result['name']}: "),
        )
        for result in _get(gates, "results")
    ]
    return _section("Gates", _table(("gate", "value", "bound", "", "why"), rows))


def _limits(product: Product, found: Mapping[str, Any]) -> str:
    """What follows from the records and a reader should not overlook."""
    lines = [
        f"It answers one question, for the rows that this product decides: {product.question}",
        "Rows without an observed label are neither good nor bad: they are in no figure.",
        f"What was decided in the last {_days(product.label.maturity)} before training had no label yet.",
    ]
    for report in _get(found, "fairness"):
        small = [str(group["group"]) for group in report["groups"] if not group["judged"]]
        if small:
            lines.append(f"{report['attribute']}: too few rows to judge {', '.join(small)}.")
    unknown = [_words(name) for name, value in _get(found, "stability").items() if value is None]
    if unknown:
        lines.append(f"Could not be computed: {', '.join(unknown)}.")
    return _section("Limits", "\n".join(f"- {_text(line)}" for line in lines))


def _features(parts: BundleParts) -> str:
    known = parts.kernel.features
    units = known.units()
    rows = [(name, known.describe(name), units[name], known.owner_of(name)) for name in known.names]
    return _section("Features", _table(("feature", "meaning", "unit", "owner"), rows))


def _origin(parts: BundleParts, digest: str) -> str:
    rows = [
        ("bundle", digest or _UNKNOWN),
        ("feature set", parts.kernel.features.digest),
        ("MLflow run", _get(parts.pins, "mlflow_run")),
        ("Dagster run", _get(parts.pins, "dagster_run")),
    ]
    return _section("Origin", _table(("", ""), rows))


def _section(title: str, *parts: str) -> str:
    return "\n\n".join((f"## {title}", *parts))


def _side_by_side(columns: Mapping[str, Mapping[str, Any]]) -> str:
    """Records with the same keys, a column each."""
    names = list(dict.fromkeys(name for record in columns.values() for name in record))
    rows = [(_words(name), *(_get(record, name) for record in columns.values())) for name in names]
    return _table(("", *map(_words, columns)), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _text(value: object) -> str:
    """A cell: numbers in four digits, nothing that Markdown would take for its own."""
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
        raise CardError(f"'{key}' was not recorded (there are {', '.join(map(str, record))}); a card shows no guesses")
    return record[key]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _day(window: Mapping[str, Any], key: str) -> str:
    return str(_get(window, key))[:10]


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):g} days"
