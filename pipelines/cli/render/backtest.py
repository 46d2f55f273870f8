"""A backtest as text.

Belongs here: its two columns, the answers that change, the groups. Does not belong here: the figures
(`assets.monitoring.backtest`).
"""

from typing import TYPE_CHECKING

from pipelines.cli import console

if TYPE_CHECKING:
    from rich.console import Console

    from assets.monitoring.backtest.comparison import Column, Difference
    from pipelines.operations.decisions.backtest import BacktestReport


def show_backtest(report: "BacktestReport", to: "Console") -> None:
    """Both columns, the changes between them, and the groups."""
    past, total = report.past, report.total
    console.heading(f"{report.product}, {past.first} to {past.last}: {report.words}", to)
    console.say(f"  as decided: {past.decided_by}", to)
    console.table(
        ["", "as decided", "as it would have been"],
        [
            [name, _figure(name, total.decided), _figure(name, total.other)]
            for name in ("accepted", "referred", "refused", "bad rate", "profit")
        ],
        to,
        right=["as decided", "as it would have been"],
    )
    console.say(f"  profit: {_gain(total)}", to)
    console.say(f"  {_over(total)}", to)
    for sentence in _left_out(report):
        console.say(f"  {sentence}", to)
    if total.flips:
        console.heading("Answers that change", to)
        console.table(
            ["from", "to", "rows", "with a label", "bad", "profit", "expected of the others"],
            [
                [one.before, one.after, f"{one.rows:,}", f"{one.labelled:,}", f"{one.bad:,}", f"{one.gain:+z,.0f}",
                 f"{one.expected:+z,.0f}" if one.rows > one.labelled else ""]
                for one in total.flips
            ],
            to,
            right=["rows", "with a label", "bad", "profit", "expected of the others"],
        )  # fmt: skip
    if report.groups:
        console.heading("By group", to)
        console.table(
            ["", "group", "rows", "accepted", "would be", "profit"],
            [
                [part, group, f"{one.rows:,}", f"{one.decided.accepted / one.rows:.1%}",
                 f"{one.other.accepted / one.rows:.1%}", _gain(one)]
                for part, of_part in report.groups.items()
                for group, one in of_part.items()
            ],
            to,
            right=["rows", "accepted", "would be"],
        )  # fmt: skip


def _figure(name: str, column: "Column") -> str:
    if name == "bad rate":
        return "not known" if column.bad_rate is None else f"{column.bad_rate:.2%}"
    if name == "profit":
        return f"{column.profit:,.0f}"
    return f"{getattr(column, name):,}"


def _gain(one: "Difference") -> str:
    if one.low is None or one.high is None:
        return f"{one.gain:+z,.0f}, from too few rows for an interval"
    return f"{one.gain:+z,.0f} (95%: {one.low:+z,.0f} to {one.high:+z,.0f})"


def _over(total: "Difference") -> str:
    """Of which rows labels exist."""
    if total.over == "all":
        return f"over {total.labelled:,} rows with a label, of {total.rows:,}"
    return (
        f"over {total.labelled:,} accepted rows with a label, of {total.rows:,}: those not accepted have none, so "
        "nobody knows what accepting them would have earned; the scores' expectation is beside them"
    )


def _left_out(report: "BacktestReport") -> list[str]:
    past = report.past
    return [
        *([f"{past.in_training:,} rows are left out: the model learned from them"] if past.in_training else []),
        *([f"{past.undecided:,} rows are left out: nobody decided them"] if past.undecided else []),
        *(
            [f"{past.before_made:,} rows are older than this model: it did not exist when they were decided"]
            if past.before_made
            else []
        ),
    ]
