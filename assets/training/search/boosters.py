"""The search for a booster's settings.

Belongs here: the seeded search over time-ordered folds, its budget and pruning, and going on after a crash. Does not
belong here: calibration and test rows (the search never sees them), the space (`space.py`), one fit
(`assets.training.fitting.boosting`), the file that keeps the trials (`journal.py`), the choice between candidates
(`contest`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from assets.product import ModelSpec
from assets.training.fitting.boosting import FoldMatrices, Settings, check_device, fixed_parameters
from assets.training.rows.folds import NO_GAP, Fold, TrainingError, time_folds
from assets.training.rows.learning import TrainingRows
from assets.training.search.journal import open_storage
from assets.training.search.space import STARTS, suggest

# So many trials are drawn at random or run whole before others are drawn or measured by them.
_FIRST_TRIALS = 4
# A fold is a noisy judge: a trial that is worse on it than two thirds of the others ends, not every one below average.
_KEPT_PERCENT = 66.0
_OVER = (TrialState.COMPLETE, TrialState.PRUNED)

EndedBy = Literal["trials", "minutes"]


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    Attributes:
        settings: The setting.
        losses: The judged log loss of each fold that it ran on.
        rounds: The median over these folds of the rounds until early stopping.
        curves: For each of these folds the judged loss after each round.
        pruned: Whether it ended before the last fold.
    """

    settings: Settings
    losses: tuple[float, ...]
    rounds: int
    curves: tuple[tuple[float, ...], ...]
    pruned: bool

    @property
    def loss(self) -> float:
        """The mean of the judged losses."""
        return float(np.mean(self.losses))


@dataclass(frozen=True)
class SearchResult:
    """Every trial, in order, and the best.

    Attributes:
        trials: All that ended, those before a crash included.
        best: The trial of lowest loss among those that ran on every fold; of equal ones the earliest.
        ended_by: Whether all trials ran, or the time was over.
        gaps_days: For each fold its purge gap in days; zero where the rows before it do not allow one.
    """

    trials: tuple[Trial, ...]
    best: Trial
    ended_by: EndedBy
    gaps_days: tuple[float, ...]


def search_settings(
    rows: TrainingRows, spec: ModelSpec, *, gap: np.timedelta64 = NO_GAP, journal: Path | None = None
) -> SearchResult:
    """The best of at most `spec.trials` settings, by log loss on rows later than those of the fit.

    The first trials are sound settings; the others are drawn by TPE, each from its own seed and the trials before it.
    So a search that a crash ended goes on with the trials of its journal, and finds what it would have found.

    Args:
        rows: Training rows, in any order.
        spec: Trials, minutes, pruning, seed, device and monotone constraints.
        gap: The label's maturity, for the purge gap of folds.
        journal: The file that keeps the trials of these rows and this spec; `None` keeps them in memory.

    Raises:
        TrainingError: A monotone constraint does not fit, a fold has one class only, `trials` is below 1, or the device
            is not there.
        LockTimeout: Another process searches for the product.
    """
    if spec.trials < 1:
        raise TrainingError(f"trials {spec.trials}: the search must try at least one setting")
    check_device(spec.device)
    fixed = fixed_parameters(rows, spec)
    folds = [fold.checked(rows) for fold in time_folds(rows.as_of, gap)]
    matrices = [FoldMatrices.of(rows, fold) for fold in folds]
    with _quiet_optuna(), open_storage(journal) as storage:
        study = _study(storage, spec, 0)
        _give_up_unfinished(study)
        while (ended_by := _ended(study, spec)) is None:
            _run_trial(_study(storage, spec, len(_over(study))), fixed, matrices)
        trials = tuple(_trial(frozen) for frozen in _over(study))
    whole = [trial for trial in trials if not trial.pruned]
    return SearchResult(trials, min(whole, key=lambda trial: trial.loss), ended_by, _days(folds))


def _study(storage: BaseStorage, spec: ModelSpec, number: int) -> optuna.Study:
    """The study of the storage, ready to draw the trial of this number.

    A sampler's state is not in the journal: each trial has a sampler of its own, whose seed is of the trial's number.
    """
    seed = np.random.SeedSequence((spec.seed, number)).generate_state(1).item()
    return optuna.create_study(
        storage=storage,
        study_name="settings",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=_FIRST_TRIALS),
        pruner=_pruner(spec),
    )


def _run_trial(study: optuna.Study, fixed: Mapping[str, object], matrices: Sequence[FoldMatrices]) -> None:
    """Runs the next trial on one fold after the other, and ends it early where it is not promising."""
    number = len(_over(study))
    if number < len(STARTS):
        study.enqueue_trial(dict(STARTS[number]))
    trial = study.ask()
    settings = suggest(trial)
    losses: list[float] = []
    rounds: list[int] = []
    curves: list[Sequence[float]] = []
    for step, fold in enumerate(matrices):
        judged = fold.fit({**fixed, **settings})
        losses.append(min(judged.curve))
        rounds.append(judged.rounds)
        curves.append(judged.curve)
        trial.report(float(np.mean(losses)), step)
        if step < len(matrices) - 1 and trial.should_prune():
            break
    trial.set_user_attr("result", {"losses": losses, "rounds": rounds, "curves": curves})
    if len(losses) < len(matrices):
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, float(np.mean(losses)))


def _pruner(spec: ModelSpec) -> optuna.pruners.BasePruner:
    if not spec.search.pruning:
        return optuna.pruners.NopPruner()
    return optuna.pruners.PercentilePruner(_KEPT_PERCENT, n_startup_trials=_FIRST_TRIALS)


def _ended(study: optuna.Study, spec: ModelSpec) -> EndedBy | None:
    """Why the search is over; `None` while it is not. One trial runs in any case."""
    over = _over(study)
    if len(over) >= spec.trials:
        return "trials"
    spent = sum(frozen.duration.total_seconds() for frozen in over if frozen.duration is not None)
    limit = spec.search.minutes
    return "minutes" if over and limit is not None and spent >= 60 * limit else None


def _give_up_unfinished(study: optuna.Study) -> None:
    """A trial that a crash ended is not gone on with; its number among the finished trials is given again."""
    for frozen in study.get_trials(deepcopy=False):
        if not frozen.state.is_finished():
            study.tell(frozen.number, state=TrialState.FAIL)


def _over(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=_OVER)


def _trial(frozen: FrozenTrial) -> Trial:
    result: Mapping[str, Any] = frozen.user_attrs["result"]
    return Trial(
        settings=dict(frozen.params),
        losses=tuple(result["losses"]),
        rounds=int(np.median(result["rounds"])),
        curves=tuple(tuple(curve) for curve in result["curves"]),
        pruned=frozen.state == TrialState.PRUNED,
    )


def _days(folds: Sequence[Fold]) -> tuple[float, ...]:
    return tuple(float(fold.gap / np.timedelta64(1, "D")) for fold in folds)


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Keeps Optuna from logging each trial; the level is restored afterwards."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
