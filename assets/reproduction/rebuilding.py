"""A bundle made again from its training set, and compared with the recorded one.

Belongs here: what differs between record and present declarations, training again, and the comparison of files, test
figures and predictions. Does not belong here: finding bundle and tables (`pipelines.operations.models.rebuild`),
training (`assets.training`).

The search for settings is repeated too, not read from the record: it is seeded, so it is a function of the training set
and the declarations like everything that follows it. Only a search that a clock ended may come out otherwise; the
report then names what did. What is no such function is taken from the record: the version, the time of the training,
the ids of its runs, and the evaluation, which holds a measured latency and the comparison with the champion of that
time. Its figures on the test rows are computed again and compared.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.bundle import Bundle, BundleParts
from assets.bundle.files import MANIFEST, load_bundle, write_bundle
from assets.bundle.scorer import Scorer
from assets.evaluation.reference_profile import reference_profile
from assets.evaluation.targets import figures_of_test
from assets.features.kernel.kernel import Kernel, compile_features
from assets.product import Product
from assets.training.candidate import boosted_model, candidate_parts, labelled_rows
from assets.training.recipe import Recipe, differences, recipe_of
from assets.training.targets import train_model
from assets.vocabulary.feature_set import same_computation


@dataclass(frozen=True)
class Predictions:
    """Scores of the rebuilt bundle beside the recorded one's.

    Attributes:
        rows: The rows of the training set that were scored: those for training, calibration and test.
        different: Rows whose two scores are not the same, to the last bit.
        largest: The largest difference of two scores.
    """

    rows: int
    different: int
    largest: float


@dataclass(frozen=True)
class Rebuilt:
    """A bundle made again.

    Attributes:
        digest: The digest of the rebuilt bundle.
        files: The files that differ from the recorded bundle's, `manifest.json` among them.
        figures: Figures on the test rows that differ from the recorded ones, a sentence each.
    """

    digest: str
    files: tuple[str, ...]
    figures: tuple[str, ...]
    predictions: Predictions

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def declared_differences(product: Product, recorded: BundleParts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What differs between the record of a bundle and what this process would make it from, a sentence each.

    Returns:
        Differences in libraries and machine, with which training is possible all the same; and differences in
        declarations, with which another model would be trained.
    """
    of_features = feature_differences(recorded.kernel, compile_features(product.features, product.resolutions))
    if "recipe" not in recorded.pins:
        unknown = f"{recorded.version} does not record its libraries and settings: it was trained before they were"
        return (f"version {unknown}",), of_features
    then, now = Recipe.from_dict(recorded.pins["recipe"]), recipe_of(product)
    around = differences(replace(then, declared={}), replace(now, declared={}))
    return around, (*of_features, *differences(replace(now, declared=then.declared), now))


def feature_differences(then: Kernel, now: Kernel) -> tuple[str, ...]:
    """The features that were declared otherwise, a sentence each."""
    before, after = ({one.name: one for one in kernel.features.all} for kernel in (then, now))
    found = [f"feature {name} was removed since" for name in before if name not in after]
    found += [f"feature {name} was added since" for name in after if name not in before]
    for name in before.keys() & after.keys():
        if not same_computation(before[name], after[name]):
            told = f"{then.features.define(name)}, and is {now.features.define(name)}"
            found.append(f"feature {name} was: {told}")
        elif before[name] != after[name]:
            found.append(f"feature {name} has another description, owner or unit; it is computed as it was")
    if not found and then.features.names != now.features.names:
        found.append("the features are in another order")
    if then.resolutions != now.resolutions:
        found.append(f"the resolutions of columns were {dict(then.resolutions)}, and are {dict(now.resolutions)}")
    return tuple(sorted(found))


def rebuild(product: Product, table: pa.Table, recorded: Bundle, original: Path, place: Path, key: bytes) -> Rebuilt:
    """Trains a bundle again, writes it, and compares it with the recorded one.

    Args:
        table: The training set at the version that the bundle pins.
        original: The folder of the recorded bundle, which the caller has verified.
        place: A folder that does not exist yet, for the rebuilt bundle.
        key: The signing key.

    Raises:
        RowsError, SplitError, TrainingError, ModelExportError: The rows cannot be trained on by these declarations.
    """
    parts, figures = _trained(product, table, recorded.parts)
    digest = write_bundle(parts, place, key)
    again, then = load_bundle(place, key, digest), recorded.parts.metrics["metrics"]["test"]
    return Rebuilt(
        digest=digest,
        files=_different_files(original, place),
        figures=tuple(
            f"{name} on the test rows was {then.get(name)}, and is {value}"
            for name, value in figures.items()
            if then.get(name) != value
        ),
        predictions=_predictions(table, recorded, again),
    )


def _trained(product: Product, table: pa.Table, recorded: BundleParts) -> tuple[BundleParts, Mapping[str, Any]]:
    """The parts of the bundle, trained again, and its figures on the test rows."""
    rows, split, encoder = labelled_rows(product, table)
    candidates = train_model(rows, split, product.model)
    trained = candidate_parts(
        product, rows, split, candidates, encoder, pins=recorded.pins, created_at=recorded.created_at
    )
    test = rows.take(split.test)
    found = figures_of_test(product, test, boosted_model(trained).predict(test.matrix))
    ids, unsigned = table[product.spine.row_id].combine_chunks(), Bundle(parts=trained, digest="", size=0)
    tested = table.take(pc.index_in(pa.array(test.row_ids, ids.type), value_set=ids))
    reference = reference_profile(product, tested, unsigned, positive_rate=found.positive_rate, auc=found.auc)
    return replace(trained, version=recorded.version, metrics=recorded.metrics, reference=reference), found.figures


def _different_files(original: Path, rebuilt: Path) -> tuple[str, ...]:
    manifests = [(folder / MANIFEST).read_bytes() for folder in (original, rebuilt)]
    then, now = (json.loads(manifest)["files"] for manifest in manifests)
    found = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    return (*found, *([MANIFEST] if manifests[0] != manifests[1] else []))


def _predictions(table: pa.Table, recorded: Bundle, again: Bundle) -> Predictions:
    """Both bundles over the rows of the training set, each with its own encoder."""
    before, after = (scorer.score(scorer.encode(table)) for scorer in (Scorer(recorded), Scorer(again)))
    gap = np.abs(before - after)
    return Predictions(len(gap), int(np.count_nonzero(gap)), float(gap.max(initial=0.0)))
