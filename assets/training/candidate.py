"""A candidate: the result of training, as the parts of a bundle.

Belongs here: preparing rows and split from a training set, building bundle parts from fitted candidates, and reading a
model back for evaluation. Does not belong here: fitting (`candidates.py`), the bundle's files (`assets.bundle.files`).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import xgboost as xgb
from numpy.typing import NDArray

from assets.bundle.answers import severities
from assets.bundle.bundle import BundleParts, Policy, ReasonWords
from assets.bundle.encoder import Encoder
from assets.bundle.usual import UsualValues
from assets.features.kernel.kernel import compile_features
from assets.product import Amount, Product, Words
from assets.training.amounts.interval import fit_interval
from assets.training.amounts.told import learned_labels, told_amounts
from assets.training.candidates import BoostedModel, Candidates
from assets.training.contract import contract_of
from assets.training.fitting.export import booster_bytes, export_onnx
from assets.training.rows.learning import LABEL, TrainingRows, assemble, labelled
from assets.training.rows.provenance import PROVENANCE
from assets.training.rows.split import Split, split_at_random, split_rows
from assets.training.targets import choose_thresholds, scale_of

CANDIDATE = "candidate"
_SAMPLE_ROWS = 512


def labelled_rows(
    product: Product, training_set: pa.Table, encoder: Encoder | None = None
) -> tuple[TrainingRows, Split, Encoder]:
    """The rows of a training set, their split and their encoder.

    Args:
        encoder: The encoder of a candidate that is to be evaluated on these rows. `None` builds a new encoder, which
            learns the values of categories from the training rows alone, not from calibration and test rows.

    Raises:
        RowsError: A column is missing.
        SplitError: A part of the split would be empty or of one class.
    """
    taken = [name for name in (LABEL, *PROVENANCE) if name in training_set.column_names]
    features, row_id = training_set.drop_columns(taken), product.spine.row_id
    labels = learned_labels(product, training_set)
    table, y, as_of = labelled(features, labels, row_id=row_id)
    if product.model.split == "random":
        split = split_at_random(np.asarray(table[row_id].to_numpy()), as_of, y, spec=product.model)
    else:
        split = split_rows(as_of, y, spec=product.model, maturity=product.label.maturity)
    if encoder is None:
        encoder = Encoder.from_features(product.features, table.take(pa.array(split.train)))
    rows = assemble(
        features,
        labels,
        encoder=encoder,
        row_id=row_id,
        protected=[attribute.column for attribute in product.protected],
        stake=product.decision.profit.stake,
    )
    rows = replace(rows, amount=told_amounts(product, table))
    if product.rules:
        # `table` and `rows` are the labelled rows in the same order.
        last_day = as_of.max().astype("datetime64[D]").item()
        rows = replace(rows, ruled=severities(product.rules, table, last_day))
    return rows, split, encoder


def candidate_parts(
    product: Product,
    rows: TrainingRows,
    split: Split,
    candidates: Candidates,
    encoder: Encoder,
    *,
    pins: Mapping[str, Any],
    created_at: datetime,
) -> BundleParts:
    """The candidate as a bundle's parts; its reference profile and metrics are still empty.

    The model is the winner of the contest. The thresholds are chosen on the calibration rows. The ONNX form is checked
    against the booster on training rows.
    """
    boosted, calibrate = candidates.boosted, rows.take(split.calibrate)
    decision = product.decision
    predicted, target = boosted.predict(calibrate.matrix), product.model.target
    chosen = choose_thresholds(product.model, decision, predicted, calibrate)
    train = rows.take(split.train)
    accepted = train.matrix[boosted.predict(train.matrix) < chosen.refer_from]
    return BundleParts(
        product=product.name,
        version=CANDIDATE,
        created_at=created_at,
        pins=pins,
        model=export_onnx(boosted.booster, rows.matrix[split.train[:_SAMPLE_ROWS]]),
        booster=booster_bytes(boosted.booster),
        scorecard=candidates.scorecard,
        calibration=boosted.calibration,
        kernel=compile_features(product.features, product.resolutions),
        encoder=encoder,
        policy=Policy(
            threshold=chosen.threshold,
            accept=decision.accept,
            refuse=decision.refuse,
            fallback=decision.fallback,
            reasons=_reasons(decision.reasons, accepted, encoder),
            reasons_shown=decision.reasons_shown,
            row_id=product.spine.row_id,
            sequence=product.spine.sequence,
            scale=scale_of(product),
            max_age_seconds=product.max_age.total_seconds(),
            when_stale=product.freshness.when_stale,
            last_day=None if product.end is None else product.end.isoformat(),
            refer=decision.refer,
            refer_threshold=chosen.refer_threshold,
            exploration=decision.exploration,
            explore_by=decision.explore_by,
            explore_keys=product.features.key_columns if decision.exploration else (),
            unit=target.unit if isinstance(target, Amount) else "",
            interval=fit_interval(target, calibrate.amounts, predicted) if isinstance(target, Amount) else None,
        ),
        reference={},
        metrics={},
        contract=contract_of(product),
        rules=product.rules,
        usual=UsualValues.of(accepted, encoder.places),
        recourse=product.recourse,
    )


def _reasons(
    declared: Mapping[str, str | Words], accepted: NDArray[np.float32], encoder: Encoder
) -> dict[str, str | ReasonWords]:
    """The declared words, with the median of each number over the training rows that the model accepts."""
    return {
        feature: words if isinstance(words, str) else _with_median(words, accepted[:, encoder.places[feature].start])
        for feature, words in declared.items()
    }


def _with_median(words: Words, values: NDArray[np.float32]) -> ReasonWords:
    known = values[~np.isnan(values)]
    return ReasonWords(words.high, words.low, float(np.median(known)) if len(known) else None)


def boosted_model(parts: BundleParts) -> BoostedModel:
    """The model of a bundle, ready to be evaluated, from exactly the bytes that will decide."""
    booster = xgb.Booster({"nthread": 1}, model_file=bytearray(parts.booster))
    return BoostedModel(
        booster=booster,
        calibration=parts.calibration,
        columns=tuple(parts.encoder.columns),
        sources=tuple(parts.encoder.sources),
        settings={},
        rounds=booster.num_boosted_rounds(),
    )


def parameters(product: Product, candidates: Candidates) -> dict[str, object]:
    """The parameters of the run in MLflow."""
    return {
        **candidates.boosted.settings,
        "candidate": candidates.choice.chosen,
        "rounds": candidates.boosted.rounds,
        "seed": product.model.seed,
        "trials": product.model.trials,
        "features": len(product.features.names),
        "feature_set": product.features.digest[:16],
        "label": product.label.meaning,
    }
