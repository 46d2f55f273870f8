"""Two compared versions as text.

Belongs here: figures side by side, features, slices, decisions that differ. Does not belong here: the figures
(`assets.evaluation.versions`), the page.
"""

from typing import TYPE_CHECKING

from pipelines.cli import console

if TYPE_CHECKING:
    from rich.console import Console

    from assets.evaluation.versions.comparison import Pair, VersionComparison
    from assets.metrics.resampling import Interval

_MOST_FEATURES = 8


def show_comparison(found: "VersionComparison", to: "Console") -> None:
    """The comparison, the figures first."""
    one, other = f"version {found.one}", f"version {found.other}"
    console.heading(f"{found.product}: version {found.other} beside version {found.one}", to)
    console.say(f"  {found.rows:,} rows from {found.first} to {found.last}, {found.bad:,} of them bad", to)
    for count, why in ((found.learned, "a version learned from them"), (found.absent, "one training set lacks them")):
        if count:
            console.say(f"  {count:,} rows are left out: {why}", to)
    console.table(
        ["", one, other, "difference", "95%"],
        [[name.replace("_", " "), *_figures(pair)] for name, pair in found.figures.items()],
        to,
        right=[one, other, "difference"],
    )
    console.heading("Features", to)
    for words, names in (("added", found.added), ("dropped", found.dropped)):
        if names:
            console.say(f"  {words}: {', '.join(names)}", to)
    console.table(
        ["importance", one, other],
        [[row.feature, _share(row.one), _share(row.other)] for row in found.features[:_MOST_FEATURES]],
        to,
        right=[one, other],
    )
    console.heading("Slices that differ most", to)
    console.table(
        ["", "rows", "log loss", "interval, corrected", "AUC"],
        [
            [row.slice, f"{row.rows:,}", f"{row.difference:+z.4f}", f"{row.low:+z.4f} to {row.high:+z.4f}",
             f"{_auc(row.one_auc)} to {_auc(row.other_auc)}"]
            for row in found.slices
        ],
        to,
        right=["rows", "log loss"],
    )  # fmt: skip
    console.heading(f"Decisions: {found.same_answers:.1%} are the same", to)
    for flip in found.flips:
        console.say(f"  {flip.before} to {flip.after}: {flip.rows:,} rows, {flip.bad:,} bad, {flip.gain:+z,.0f}", to)
        console.say(
            f"    because of {', '.join(f'{name} {count:,}' for name, count in flip.causes.items() if count)}", to
        )
        for moved in flip.features[:3]:
            console.say(f"    {moved.feature}: {moved.log_odds:+z.3f} log odds, first in {moved.leads:.0%} of rows", to)


def _figures(pair: "Pair") -> list[str]:
    return [_value(pair.one), _value(pair.other), _value(pair.difference, sign="+"), _interval(pair.difference)]


def _value(found: "Interval", sign: str = "") -> str:
    return f"{found.value:{sign}z,.0f}" if abs(found.value) >= 100 else f"{found.value:{sign}z.4f}"


def _interval(found: "Interval") -> str:
    if found.low is None or found.high is None:
        return "too few rows"
    if max(abs(found.low), abs(found.high)) >= 100:
        return f"{found.low:+z,.0f} to {found.high:+z,.0f}"
    return f"{found.low:+z.4f} to {found.high:+z.4f}"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _auc(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
