"""Assets of evaluation: `evaluation`, with every gate as a blocking check.

Belongs here: evaluating the candidate of a run on its test rows, recording figures and pictures. Does not belong here:
computing a figure (the modules beside this one), registering (`assets.registry`), promotion (`assets.rollout`).

Libraries that take seconds to load are imported by the asset that needs them: most processes run others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle, BundleError
from assets.bundle.files import load_bundle, write_bundle
from assets.bundle.profile import build_profile
from assets.evaluation.checks import gate_checks, gate_results
from assets.evaluation.gates import evaluate
from assets.governance.audit import Audit
from assets.materialising import Stopwatch, asset_key, asset_of, permanent
from assets.product import Product
from assets.product.names import EVALUATION, MODEL, ONLINE_STORE, TRAINING_SET, table_name
from assets.rollout.keeper import Keeper
from assets.training.rows import TrainingRows
from assets.training.split import Split
from resources.clock import Clock
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.online_store.opening import OnlineStores
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking

EVALUATED = "evaluated"


def evaluation_asset(product: Product) -> dg.AssetsDefinition:
    """`evaluation`: the figures of the candidate, and the verdict of the gates."""
    name = EVALUATION
    key = asset_key(product, name)

    @asset_of(
        product,
        name,
        ins={"model": dg.AssetIn(key=asset_key(product, MODEL))},
        deps=[asset_key(product, ONLINE_STORE)],
        group_name="evaluation",
        description="Ranking, calibration, profit, explanations and fairness, on rows later than those learned from.",
        kinds={"shap", "fairlearn", "mlflow"},
        check_specs=gate_checks(key, product.gates, product.fairness),
    )
    def evaluation(
        context: dg.AssetExecutionContext,
        model: dict[str, Any],
        lake: dg.ResourceParam[Lake],
        tracking: dg.ResourceParam[Tracking],
        keys: dg.ResourceParam[Keys],
        rollout: dg.ResourceParam[RolloutStore],
        audit: dg.ResourceParam[Audit],
        online_stores: dg.ResourceParam[OnlineStores],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from assets.evaluation.evaluate import draw, evaluate_model
        from assets.serving.engine import Engine
        from assets.serving.latency import decision_latency
        from assets.training.candidate import CANDIDATE, boosted_model, labelled_rows

        watch, run = Stopwatch(name), tracking.resumed(model["mlflow_run"])
        keeper = Keeper(tracking, rollout, audit, keys.signing)
        with permanent(LakeError, BundleError), TemporaryDirectory(prefix="loopline-") as place:
            table = lake.read(table_name(product.name, TRAINING_SET), version=model["training_set"]["version"])
            bundle = load_bundle(run.download(CANDIDATE, Path(place)), keys.signing, None)
            rows, split, _ = labelled_rows(product, table, bundle.parts.encoder)
            champion = _champion(product, keeper)
            figures = evaluate_model(
                rows, split, boosted_model(bundle.parts), bundle.parts.scorecard,
                decision=product.decision, protected=product.protected, gates=product.gates, seed=product.model.seed,
                champion_scores=_champion_scores(champion, table, rows, split, product),
                fairness=product.fairness, entities=_entities(product, table, rows, split),
            )  # fmt: skip
            engine = Engine(bundle, online_stores.of(product.name))
            latency_ms = decision_latency(engine, table, now=clock.now(), seed=product.model.seed)
            verdict = evaluate(
                figures.signals(
                    first_model=champion is None, future_features=model["training_set"]["audit"]["changed_features"],
                    latency_ms=latency_ms, bundle_mb=bundle.size / 2**20,
                ),
                product.gates, figures.assessment.gates if figures.assessment else (),
            )  # fmt: skip
            report = {
                **figures.to_dict(),
                "gates": verdict.to_dict(),
                "champion": champion.version if champion else None,
            }
            evaluated = replace(
                bundle.parts,
                metrics=report,
                reference=_reference(product, table, rows, split, bundle, figures.test.auc),
            )
            write_bundle(evaluated, Path(place) / EVALUATED, keys.signing)
            run.folder(EVALUATED, Path(place) / EVALUATED)
        pictures = draw(figures)
        run.metrics({"test_auc": figures.test.auc, "test_average_precision": figures.test.average_precision})
        run.metrics({f"gate_{gate.name}": gate.value for gate in verdict.results if gate.passed is not None})
        run.plots(pictures)
        run.documents({"evaluation": report})
        yield watch.result(
            rows=len(split.test), checks=gate_results(verdict),
            value={**model, "verdict": verdict.action, "compared_with": champion.version if champion else None},
            verdict=verdict.action, reasons=list(verdict.reasons), auc=figures.test.auc,
            mlflow_run=dg.MetadataValue.url(tracking.page(run.run_id)),
            **pictures,
        )  # fmt: skip

    return evaluation


def _champion(product: Product, keeper: Keeper) -> Bundle | None:
    """The bundle that decides now, published again if its copy is damaged; `None` before the first release."""
    state = keeper.state(product.name)
    return None if state is None else keeper.published(product.name, state.champion)[0]


def _champion_scores(
    champion: Bundle | None, table: pa.Table, rows: TrainingRows, split: Split, product: Product
) -> NDArray[np.float64] | None:
    """The champion's scores of the test rows, in their order; `None` if the table lacks a feature that it needs."""
    if champion is None or set(champion.parts.kernel.features.names) - set(table.column_names):
        return None
    from assets.serving.engine import Engine

    return Engine(champion, None).score(_in_order(table, rows.row_ids[split.test], product.spine.row_id))


def _entities(product: Product, table: pa.Table, rows: TrainingRows, split: Split) -> NDArray[np.generic] | None:
    """Whose row each test row is, by the first key of the features; `None` where features have no key."""
    keys = [name for name in product.features.key_columns if name in table.column_names]
    if not keys:
        return None
    return np.asarray(_in_order(table, rows.row_ids[split.test], product.spine.row_id)[keys[0]].to_numpy())


def _reference(
    product: Product, table: pa.Table, rows: TrainingRows, split: Split, bundle: Bundle, auc: float
) -> Mapping[str, Any]:
    """The profile of the test rows, the reference for live rows."""
    from assets.serving.engine import Engine

    test = _in_order(table, rows.row_ids[split.test], product.spine.row_id)
    features = product.features
    profile = build_profile(
        test, Engine(bundle, None).score(test), features.numeric, features.categories,
        positive_rate=float(rows.y[split.test].mean()), auc=auc,
    )  # fmt: skip
    return profile.to_dict()


def _in_order(table: pa.Table, row_ids: NDArray[np.generic], row_id: str) -> pa.Table:
    """The table's rows with these ids, in the order of the ids."""
    ids = table[row_id].combine_chunks()
    return table.take(pc.index_in(pa.array(row_ids, ids.type), value_set=ids))
