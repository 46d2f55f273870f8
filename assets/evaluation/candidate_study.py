"""The study of the candidate of a run.

Belongs here: what a study needs, put together from the rows of the run and the figures that are already known. Does not
belong here: a figure (`study`), reading tables (`assets.py`).
"""

import pyarrow as pa

from assets.evaluation.evaluate import Evaluation
from assets.evaluation.study.parts import Predict, Studied, feature_groups, row_entities
from assets.evaluation.study.study import Study, study_of
from assets.product import Product
from assets.serving.engine import Engine
from assets.training.rows.learning import TrainingRows
from assets.training.rows.split import Split


def candidate_study(
    product: Product,
    tested: pa.Table,
    rows: TrainingRows,
    split: Split,
    predict: Predict,
    engine: Engine,
    figures: Evaluation,
) -> Study:
    """The study of a model that was evaluated.

    Args:
        tested: The test rows of the training set, in the order of the split.
        predict: The model that was evaluated.
        engine: Its bundle, as the decision service runs it.

    Raises:
        EvaluationError: A part of the rows has one class only.
        ModelError: The bundle cannot score the rows.
    """
    studied = Studied(
        train=rows.take(split.train),
        test=rows.take(split.test),
        train_scores=figures.scored.training_scores,
        scores=figures.scored.scores,
        entity=row_entities(product, tested),
        predict=predict,
        thresholds=(figures.chosen.refer_from, figures.chosen.threshold),
        groups=feature_groups(product.features),
        decision=product.decision,
        seed=product.model.seed,
    )
    return study_of(
        studied,
        train=figures.train,
        test=figures.test,
        contributions=figures.explanation.contributions,
        importance=figures.explanation.features,
        served=engine.score(tested),
        trained_until=None if split.train_window == split.test_window else split.calibrate_window.end,
    )
