"""The published card benchmark: `loopline benchmark card_fraud`.

Belongs here: the order of the work, and the report. Does not belong here: the protocol (`protocol.py`), models and
choice (`card_models.py`, `choice.py`), how often the test period was looked at (`looks.py`).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.product import ModelSpec
from pipelines.operations.benchmark.choice import Choice, Say, choose_model, score_fold, words
from pipelines.operations.benchmark.looks import count_look
from pipelines.operations.benchmark.machine import describe_machine
from pipelines.operations.benchmark.protocol import (
    FIRST_TEST_DAY,
    PUBLISHED_FOUR,
    PUBLISHED_SINGLE,
    TEST_STARTS,
    CardFigures,
    Fold,
    figures_of,
    fold_of,
    mean_figures,
)
from pipelines.operations.benchmark.published_cards import PublishedCards, data_folder, published_cards
from pipelines.products import load_product
from resources.environments import Environment

CARD_FRAUD = "card_fraud"


@dataclass(frozen=True)
class FoldSize:
    """Rows of the single split, and the frauds among them."""

    train: int
    train_frauds: int
    test: int
    test_frauds: int


@dataclass(frozen=True)
class CardReport:
    """The outcome of the benchmark.

    Attributes:
        choice: What was tried on the validation folds, and what was taken.
        size: Of the single split.
        folds: The figures of each test fold; the first is the single split.
        looked_at: How often the test period was scored with this home, this time included.
        seconds: In all.
        machine: As `describe_machine` returns it.
    """

    choice: Choice
    size: FoldSize
    folds: tuple[CardFigures, ...]
    looked_at: int
    seconds: float
    machine: Mapping[str, Any]

    @property
    def single_split(self) -> CardFigures:
        """The figures of the single split."""
        return self.folds[0]

    @property
    def four_folds(self) -> CardFigures:
        """The mean over the four test folds."""
        return mean_figures(self.folds)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "benchmark": CARD_FRAUD,
            "single_split": {
                **self.single_split.to_dict(), **vars(self.size), "published": _figures(PUBLISHED_SINGLE),
            },
            "four_folds": {
                **self.four_folds.to_dict(), "folds": [one.to_dict() for one in self.folds],
                "published": _figures(PUBLISHED_FOUR),
            },
            "model": words(self.choice.chosen),
            "validation": {words(name): figures.to_dict() for name, figures in self.choice.tried.items()},
            "test_period_looked_at": self.looked_at,
            "seconds": round(self.seconds, 1),
            "machine": dict(self.machine),
        }  # fmt: skip


def benchmark_card_fraud(environment: Environment, data: Path | None, say: Callable[[str], None]) -> CardReport:
    """Runs the published protocol on the published data, with the product's features.

    Args:
        data: The folder of the monthly files; `None` for that of LOOPLINE_REAL_DATA.
        say: Told of each step, with the seconds since the start.

    Raises:
        NoPublishedData: There are no such files.
        SandboxError: A file is damaged, or is none of the Handbook's.
        DamagedRecord: The record of earlier runs cannot be read.
    """
    began, machine, folder = time.monotonic(), describe_machine(), data_folder(data)

    def tell(text: str) -> None:
        say(f"{time.monotonic() - began:6.1f} s  {text}")

    product = load_product(CARD_FRAUD)
    tell(f"reading {folder}")
    cards = published_cards(folder, product)
    tell(f"{len(cards.rows):,} transactions with {len(product.features.names)} features")
    choice = choose_model(cards.before(FIRST_TEST_DAY), product.model, tell)
    tell(f"chosen on the validation folds: {words(choice.chosen)}")
    single = fold_of(cards, TEST_STARTS[0])
    looked_at = count_look(environment.home, CARD_FRAUD, words(choice.chosen), environment.clock.now())
    folds = tested(cards, choice, product.model, tell)
    return CardReport(choice, _size(cards, single), folds, looked_at, time.monotonic() - began, machine)


def tested(cards: PublishedCards, choice: Choice, spec: ModelSpec, say: Say) -> tuple[CardFigures, ...]:
    """The figures of the chosen model on each test fold."""
    figures = []
    for start in TEST_STARTS:
        fold = fold_of(cards, start)
        figures.append(figures_of(cards, fold.test, score_fold(cards, fold, choice.chosen, spec)))
        say(f"tested: the fold that trains from {start}")
    return tuple(figures)


def _size(cards: PublishedCards, fold: Fold) -> FoldSize:
    y = cards.rows.y
    return FoldSize(len(fold.train), int(y[fold.train].sum()), len(fold.test), int(y[fold.test].sum()))


def _figures(published: Mapping[str, CardFigures]) -> dict[str, Any]:
    return {name: figures.to_dict() for name, figures in published.items()}
