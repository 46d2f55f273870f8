"""Covariate, prediction, label and concept drift told apart, by which of the distributions moved.

Belongs here: the four kinds and the sentence on each. Does not belong here: whether one moved (`beyond.py`).
"""

from collections.abc import Sequence
from typing import Literal

from assets.monitoring.distributions.beyond import beyond
from assets.monitoring.distributions.figures import Drift

DriftKind = Literal["covariate", "prediction", "label", "concept"]

_BY_SUBJECT: dict[str, DriftKind] = {
    "numeric": "covariate", "category": "covariate", "score": "prediction", "outcome": "prediction", "label": "label",
    "concept": "concept",
}  # fmt: skip
_MEANING: dict[DriftKind, str] = {
    "covariate": "other rows come: {names}",
    "prediction": "the model answers differently: {names}",
    "label": "outcomes are more or fewer than they were",
    "concept": "the same scores have other outcomes than they had",
}


def kinds_of_drift(figures: Sequence[Drift]) -> dict[DriftKind, str]:
    """The kinds of drift in the figures of a day, each with what moved; empty when nothing did.

    Covariate drift without concept drift leaves the model right about each row; concept drift does not.
    """
    moved: dict[DriftKind, list[str]] = {}
    for figure in figures:
        kind = _BY_SUBJECT.get(figure.kind)
        if kind is not None and beyond(figure):
            moved.setdefault(kind, []).append(figure.name)
    return {
        kind: meaning.format(names=", ".join(dict.fromkeys(moved[kind])))
        for kind, meaning in _MEANING.items()
        if kind in moved
    }
