"""Benchmarks as text.

Belongs here: their tables, ours beside what was published, and the sentences below. Does not belong here: the figures
(`pipelines.operations.benchmark`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipelines.cli import console

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.operations.benchmark.card_fraud import CardReport
    from pipelines.operations.benchmark.protocol import CardFigures
    from pipelines.operations.benchmark.sandbox import SandboxReport

_FIGURES = ["AUC", "average precision", "card precision at 100"]


def show_cards(report: "CardReport", to: "Console") -> None:
    """Both tables of the protocol, how the model was chosen, and the machine."""
    from pipelines.operations.benchmark.choice import words
    from pipelines.operations.benchmark.protocol import PUBLISHED_FOUR, PUBLISHED_SINGLE

    model, size, machine = words(report.choice.chosen), report.size, report.machine
    console.heading("Single split: trained from 2018-07-25, tested from 2018-08-08", to)
    console.say(
        f"  {size.train:,} training rows with {size.train_frauds} frauds, {size.test:,} test rows with "
        f"{size.test_frauds}",
        to,
    )
    _table(PUBLISHED_SINGLE, model, report.single_split, to)
    console.heading("Four folds", to)
    _table(PUBLISHED_FOUR, model, report.four_folds, to)
    console.heading("Validation folds, on which the model was chosen", to)
    best = sorted(report.choice.tried.items(), key=lambda one: -sum(one[1].to_dict().values()))
    console.table(["model", *_FIGURES], [_row(words(name), found) for name, found in best], to, right=_FIGURES)
    times = "once" if report.looked_at == 1 else f"{report.looked_at} times"
    console.say(f"  the test period was looked at {times} with this home; it entered no choice of this run", to)
    console.say(
        f"  {report.seconds:.0f} s on {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"Python {machine['python']}, load {machine['load_before']} before",
        to,
    )


def show_sandbox(report: "SandboxReport", to: "Console") -> None:
    """The champion's AUC on its test rows between chance and the best possible."""
    console.heading(f"credit_risk {report.version}: {report.rows:,} test rows, {report.positives:,} defaults", to)
    console.table(
        ["score", "AUC", "share of the best"],
        [
            [name, f"{auc:.3f}", f"{(auc - 0.5) / (report.best_auc - 0.5):.1%}"]
            for name, auc in (
                ("the probability with which the loans were drawn", report.best_auc),
                ("all that leaves traces in the tables, known exactly", report.habits_auc),
                ("champion", report.auc),
                ("its scorecard", report.scorecard_auc),
            )
        ],
        to,
        right=["AUC", "share of the best"],
    )
    console.say(
        f"  on the rows that it learned from the champion's AUC is {report.training_auc:.3f}; it goes "
        f"{report.share_of_habits:.1%} of the way to what the habits can tell",
        to,
    )


def _table(published: "Mapping[str, CardFigures]", model: str, ours: "CardFigures", to: "Console") -> None:
    rows = [_row(f"published: {name}", figures) for name, figures in published.items()]
    console.table(["model", *_FIGURES], [*rows, _row(f"here: {model}", ours)], to, right=_FIGURES)


def _row(name: str, figures: "CardFigures") -> list[str]:
    return [name, *(f"{value:.3f}" for value in (figures.auc, figures.average_precision, figures.card_precision))]
