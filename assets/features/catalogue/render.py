"""The feature catalogue as a page.

Belongs here: a survey as one self-contained HTML file, and as Markdown. Does not belong here: the content
(`survey.py`).
"""

from collections.abc import Iterable
from html import escape

from assets.features.catalogue.entries import CatalogueEntry, markdown_table
from assets.features.catalogue.statistics import QUANTILES, FeatureStatistics
from assets.features.catalogue.survey import FeatureSurvey
from assets.features.catalogue.usage import FeatureUse
from assets.pages.document import document

_STATE = {
    "used": "used",
    "idle": "computed by models, with no effect on any score",
    "new": "in no model yet",
}


def to_html(survey: FeatureSurvey) -> str:
    """The survey as one self-contained HTML file: no script, no link to another host."""
    largest = max((use.importance or 0.0 for use in survey.uses.values()), default=0.0)
    rows = "".join(_row(entry, survey, largest) for entry in survey.entries)
    heads = "".join(f"<th>{head}</th>" for head in ("feature", "meaning", "unit", "missing", "importance", "use"))
    return document(
        f"Features of {survey.product}",
        f"<header><h1>Features of {escape(survey.title)}</h1><p>{escape(_summary(survey))}</p></header>\n"
        f'{_warning(survey)}<div class="wide whole" tabindex="0"><table><thead><tr>{heads}</tr></thead><tbody>\n{rows}'
        f"</tbody></table></div>\n{''.join(_section(entry, survey) for entry in survey.entries)}",
    )


def to_markdown(survey: FeatureSurvey) -> str:
    """The survey as Markdown: a summary, and a line for each feature."""
    heads = (
        "feature", "meaning", "definition", "unit", "type", "from", "columns", "contract", "owner", "missing",
        "mean or commonest", "5 % to 95 %", "distinct", "importance", "use",
    )  # fmt: skip
    rows = [_cells(entry, survey) for entry in survey.entries]
    named = ", ".join(f"`{name}`" for name in survey.unused)
    warning = f"Used by no model: {named}.\n\n" if named else ""
    return f"# Features of {survey.title}\n\n{_summary(survey)}\n\n{warning}{markdown_table(heads, rows)}"


def _summary(survey: FeatureSurvey) -> str:
    table = "There is no feature table yet."
    if survey.version is not None and survey.days is not None:
        table = (
            f"Statistics are of {survey.rows:,} rows, {survey.days[0]} to {survey.days[1]}, in version "
            f"{survey.version} of the feature table."
        )
    named = [f"{model.version}{' (' + ', '.join(model.roles) + ')' if model.roles else ''}" for model in survey.models]
    models = f"Models surveyed: {', '.join(named)}." if named else "There is no model yet."
    return f"{len(survey.entries)} features of {survey.product}, owned by {survey.owner}. {table} {models}"


def _warning(survey: FeatureSurvey) -> str:
    if not survey.unused:
        return ""
    named = ", ".join(f'<a href="#{escape(name)}"><code>{escape(name)}</code></a>' for name in survey.unused)
    return f'<p class="note warn">Used by no model: {named}</p>\n'


def _row(entry: CatalogueEntry, survey: FeatureSurvey, largest: float) -> str:
    use, found, name = survey.uses[entry.name], survey.statistics.get(entry.name), escape(entry.name)
    width = 0.0 if not largest else 7 * (use.importance or 0.0) / largest
    bar = f'<span class="share" style="width:{width:.2f}rem"></span> {_importance(use)}'
    return (
        f'<tr><td><a href="#{name}"><code>{name}</code></a></td><td>{escape(entry.description)}</td>'
        f'<td>{escape(entry.unit)}</td><td class="n">{_missing(found)}</td><td>{bar}</td>'
        f"<td{'' if use.state == 'used' else ' class=warn'}>{use.state}</td></tr>\n"
    )


def _section(entry: CatalogueEntry, survey: FeatureSurvey) -> str:
    use, found = survey.uses[entry.name], survey.statistics.get(entry.name)
    inputs = ", ".join(f'<a href="#{escape(name)}"><code>{escape(name)}</code></a>' for name in entry.inputs)
    properties = [
        ("meaning", escape(entry.description)),
        ("definition", escape(entry.definition)),
        ("owner", escape(entry.owner)),
        ("unit, type", escape(f"{entry.unit or 'none'}, {entry.dtype}")),
        ("computed from", inputs or escape(entry.source)),
        ("columns", "<br>".join(f"<code>{escape(column)}</code>" for column in entry.columns) or "none"),
        ("contract", ", ".join(f"<code>{escape(file)}</code>" for file in entry.contracts) or "none"),
        ("models", escape(_models(use))),
        ("importance", _importance(use) or "unknown"),
    ]
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in properties)
    name = escape(entry.name)
    return f'<section id="{name}"><h2><code>{name}</code></h2><dl>{listed}</dl>{_values(found)}</section>\n'


def _values(found: FeatureStatistics | None) -> str:
    if found is None:
        return "<p>No values yet: the feature table does not have this feature.</p>"
    cells = [("missing", _missing(found)), ("distinct", f"{found.distinct:,}")]
    if found.mean is not None:
        cells += [("mean", _number(found.mean)), ("deviation", _number(found.deviation))]
    named = {0.0: "lowest", 0.5: "median", 1.0: "highest"}
    cells += [
        (named.get(at, f"{at:.0%}"), _number(value))
        for at, value in zip(QUANTILES, found.quantiles, strict=bool(found.quantiles))
    ]
    cells += [(escape(value), f"{share:.1%}") for value, share in found.top]
    heads = "".join(f"<th>{name}</th>" for name, _ in cells)
    row = "".join(f"<td>{value}</td>" for _, value in cells)
    return f'<div class="wide" tabindex="0"><table><tr>{heads}</tr><tr>{row}</tr></table></div>'


def _cells(entry: CatalogueEntry, survey: FeatureSurvey) -> Iterable[str]:
    use, found = survey.uses[entry.name], survey.statistics.get(entry.name)
    middle, spread, distinct = "", "", ""
    if found is not None:
        distinct = f"{found.distinct:,}"
        middle = _number(found.mean) if found.mean is not None else "".join(value for value, _ in found.top[:1])
        if found.quantiles:
            spread = f"{_number(found.quantiles[1])} to {_number(found.quantiles[-2])}"
    return (
        f"`{entry.name}`", entry.description, entry.definition, entry.unit, entry.dtype, entry.source,
        ", ".join(entry.columns), ", ".join(entry.contracts), entry.owner, _missing(found), middle, spread, distinct,
        _importance(use), use.state,
    )  # fmt: skip


def _models(use: FeatureUse) -> str:
    if not use.versions:
        return _STATE[use.state]
    roles = f" ({', '.join(use.roles)} among them)" if use.roles else ""
    return f"{', '.join(use.versions)}{roles}; {_STATE[use.state]}"


def _missing(found: FeatureStatistics | None) -> str:
    return "" if found is None else f"{found.missing:.1%}"


def _importance(use: FeatureUse) -> str:
    return "" if use.importance is None else f"{use.importance:.1%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
