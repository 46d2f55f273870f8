"""What training chose and why, for people and for later readers.

Belongs here: the record of a training run as JSON, and the trials of its search as runs of MLflow. Does not belong
here: choosing (`contest`), MLflow's requests (`resources.tracking`).
"""

from dataclasses import asdict
from typing import Any

from assets.training.candidates import Candidates
from assets.training.contest.tuning import FeatureSelection
from assets.training.search.boosters import SearchResult
from resources.tracking.nested import NestedRun, record_nested
from resources.tracking.run import TrackedRun


def record_training(run: TrackedRun, candidates: Candidates) -> dict[str, Any]:
    """Records the search's trials and the document `training` in MLflow; returns the document."""
    record = training_record(candidates)
    run.documents({"training": record})
    record_nested(run, trial_runs(candidates))
    return record


def training_record(candidates: Candidates) -> dict[str, Any]:
    """The contest with every candidate's figures, the search, the weights and the features, ready for JSON."""
    search, tuned, calibration = candidates.search, candidates.tuned, candidates.boosted.calibration
    return {
        "choice": asdict(candidates.choice),
        "calibration": calibration.method,
        "search": None if search is None else _search_record(search),
        "imbalance": None if tuned is None else {"chosen": tuned.way, "measured": [asdict(way) for way in tuned.ways]},
        "features": None if tuned is None or tuned.selection is None else _selection_record(tuned.selection),
    }


def trial_runs(candidates: Candidates) -> tuple[NestedRun, ...]:
    """Each trial of the search as a run, with the judged loss of each fold round by round; none without a search."""
    trials = () if candidates.search is None else candidates.search.trials
    return tuple(
        NestedRun(
            name=f"trial {number:02}",
            params={**trial.settings, "pruned": str(trial.pruned)},
            metrics={"loss": trial.loss, "rounds": float(trial.rounds)},
            curves={f"loss_fold_{fold}": curve for fold, curve in enumerate(trial.curves, 1)},
        )
        for number, trial in enumerate(trials, 1)
    )


def _selection_record(selection: FeatureSelection) -> dict[str, Any]:
    return {**asdict(selection), "reason": selection.reason}


def _search_record(search: SearchResult) -> dict[str, Any]:
    return {
        "trials": len(search.trials),
        "pruned": sum(trial.pruned for trial in search.trials),
        "ended_by": search.ended_by,
        "purge_gap_days": list(search.gaps_days),
        "best": {"settings": dict(search.best.settings), "losses": list(search.best.losses)},
    }
