"""Figures of a model with their study, without a product or a bundle.

Belongs here: what tests of evaluation need in place of the asset. Does not belong here: assertions.
"""

from dataclasses import replace

import numpy as np

from assets.evaluation.evaluate import Evaluation
from assets.evaluation.study.parts import Floats, Studied
from assets.evaluation.study.study import study_of
from assets.product import DecisionPolicy
from assets.training.candidates import BoostedModel
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split


def parts_of_study(
    figures: Evaluation, rows: TrainingRows, split: Split, model: BoostedModel, decision: DecisionPolicy
) -> Studied:
    """What a study is given: every row is of an entity of its own, every feature a group of its own."""
    return Studied(
        train=rows.take(split.train),
        test=rows.take(split.test),
        train_scores=figures.scored.training_scores,
        scores=figures.scored.scores,
        entity=np.arange(len(split.test)),
        predict=model.predict,
        thresholds=(figures.chosen.refer_from, figures.chosen.threshold),
        groups={source: source for source in rows.sources},
        decision=decision,
        seed=7,
    )


def with_study(
    figures: Evaluation,
    rows: TrainingRows,
    split: Split,
    model: BoostedModel,
    decision: DecisionPolicy,
    served: Floats | None = None,
) -> Evaluation:
    """The figures with their study.

    Args:
        served: The probabilities of the test rows as they are served; by default those that were evaluated.
    """
    study = study_of(
        parts_of_study(figures, rows, split, model, decision),
        train=figures.train,
        test=figures.test,
        contributions=figures.explanation.contributions,
        importance=figures.explanation.features,
        served=figures.scored.scores if served is None else served,
        trained_until=split.calibrate_window.end,
    )
    return replace(figures, study=study)
