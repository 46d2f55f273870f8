"""The policy of training: which candidates compete, and how long settings are searched for.

Belongs here: the policy as frozen values, the protocol of a product's own candidate, and what is wrong with a policy.
Does not belong here: the candidates and their search (`assets.training`), the windows of rows (`ModelSpec`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

CandidateName = Literal["scorecard", "histogram", "xgboost"]
Imbalance = Literal["none", "weights", "focal"]
Selection = Literal["none", "shap"]
Device = Literal["cpu", "cuda"]


@runtime_checkable
class OwnCandidate(Protocol):
    """A product's own candidate, which competes with the others and becomes the bundle's model where it wins.

    Attributes:
        name: Names it in records; no candidate's name is used twice.
        simplicity: Of candidates of equal loss the one with the highest number wins: the scorecard has 3, histogram
            boosting and XGBoost have 1.
    """

    @property
    def name(self) -> str: ...

    @property
    def simplicity(self) -> int: ...

    def fit(self, matrix: NDArray[np.float32], y: NDArray[np.int8], *, signs: Sequence[int], seed: int) -> bytes:
        """The fitted model, as XGBoost's own JSON or UBJ of a `binary:logistic` booster: the form that a bundle holds.

        The same arguments must give the same bytes.

        Args:
            matrix: float32 [n, m], NaN where missing.
            y: int8 [n]; 1 is the bad outcome.
            signs: For each column 1, -1 or 0: whether the score may only rise or only fall with it, or either.
            seed: Seeds everything random.
        """
        ...


@dataclass(frozen=True)
class SearchPolicy:
    """How the settings of a model are searched for.

    Attributes:
        minutes: No trial begins later than this after the search began, the time before a crash included; `None` for
            no limit. A search that it ended depends on the speed of the machine.
        pruning: Whether a trial ends after a fold on which it is worse than two thirds of the trials before it.
        imbalance: The ways in which rare bad outcomes may be weighted: `none`, `weights` (bad rows weigh as much as
            good ones), `focal` (rows that are told well weigh less; Lin et al. 2017). The first is taken unless
            another is better on the folds by more than one standard error, after calibration.
        selection: By `shap`, features that hardly move any fold's scores are left out of boosted trees, if the loss of
            the folds is not the worse for it; `none` keeps every feature.
    """

    minutes: float | None = None
    pruning: bool = True
    imbalance: tuple[Imbalance, ...] = ("none", "weights", "focal")
    selection: Selection = "shap"


def training_fault(
    candidates: Sequence[CandidateName | OwnCandidate], device: Device, search: SearchPolicy
) -> str | None:
    """What is wrong with a policy of training, and what to write instead; `None` where nothing is."""
    for candidate in candidates:
        known = candidate in get_args(CandidateName) if isinstance(candidate, str) else _is_own(candidate)
        if not known:
            return f"candidates has {candidate!r}; write one of {get_args(CandidateName)}, or an OwnCandidate"
    names = Counter(name_of(candidate) for candidate in candidates)
    if not names or max(names.values()) > 1:
        return f"candidates are {[*names.elements()]}; give at least one, and each name once"
    if device not in get_args(Device):
        return f"device is {device!r}; write one of {get_args(Device)}"
    if search.minutes is not None and not 0.0 < search.minutes < float("inf"):
        return f"search minutes are {search.minutes!r}; write minutes above 0, or None"
    ways = search.imbalance
    if not ways or set(ways) - set(get_args(Imbalance)) or len(set(ways)) < len(ways):
        return f"search imbalance is {ways!r}; write some of {get_args(Imbalance)}, each once"
    if search.selection not in get_args(Selection):
        return f"search selection is {search.selection!r}; write one of {get_args(Selection)}"
    return None


def name_of(candidate: CandidateName | OwnCandidate) -> str:
    """The name of a candidate in records."""
    return candidate if isinstance(candidate, str) else candidate.name


def _is_own(candidate: object) -> bool:
    """Whether it has what a product's own candidate has, under a name that no other candidate has."""
    if not isinstance(candidate, OwnCandidate):
        return False
    return bool(candidate.name) and candidate.name not in get_args(CandidateName)
