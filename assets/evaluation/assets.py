"""Assets of evaluation: `evaluation`, with every gate as a blocking check.

Belongs here: evaluating the candidate of a run on its test rows, recording figures and pictures. Does not belong here:
computing a figure (the modules beside this one), registering (`assets.registry`), promotion (`assets.rollout`).

Libraries that take seconds to load are imported by the asset that needs them: most processes run others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assets.bundle.bundle import Bundle, BundleError
from assets.bundle.files import load_bundle, write_bundle
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
from resources.code_version import code_version
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.online_store.opening import OnlineStores
from resources.pages import Pages
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking

if TYPE_CHECKING:
    from assets.serving.engine import Engine

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
        environment: dg.ResourceParam[Environment],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from assets.evaluation.candidate_study import candidate_study
        from assets.evaluation.evaluate import draw, evaluate_model
        from assets.evaluation.recording import documents, installed_packages, origin_tags, study_metrics
        from assets.evaluation.report.page import REPORT, model_page
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
            study = candidate_study(product, table, rows, split, boosted_model(bundle.parts).predict, engine, figures)
            figures = replace(figures, study=study)
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
                **_recourse(product, engine, table, rows, split),
            }
            evaluated = replace(
                bundle.parts,
                metrics=report,
                reference=_reference(product, table, rows, split, bundle, figures.test.auc),
            )
            write_bundle(evaluated, Path(place) / EVALUATED, keys.signing)
            run.folder(EVALUATED, Path(place) / EVALUATED)
        pictures = draw(figures)
        run.metrics(study_metrics(study))
        run.metrics({f"gate_{gate.name}": gate.value for gate in verdict.results if gate.passed is not None})
        run.plots(pictures)
        packages = installed_packages()
        run.documents({"evaluation": report, **documents(product, study, packages)})
        run.tags(
            origin_tags(
                code=code_version(), packages=packages, dagster_run=context.run.run_id,
                dagster_url=environment.dagster_url,
            )
        )  # fmt: skip
        page = model_page(product, bundle.parts, figures, study, verdict, made=clock.now())
        run.html(REPORT, page)
        address = Pages(environment.pages).keep_model(product.name, run.run_id, page)
        yield watch.result(
            rows=len(split.test), checks=gate_results(verdict),
            value={**model, "verdict": verdict.action, "compared_with": champion.version if champion else None},
            verdict=verdict.action, reasons=list(verdict.reasons), auc=figures.test.auc,
            mlflow_run=dg.MetadataValue.url(tracking.page(run.run_id)),
            report=dg.MetadataValue.url(address if "://" in address else f"file://{address}"),
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
    from assets.evaluation.reference_profile import reference_profile

    test = _in_order(table, rows.row_ids[split.test], product.spine.row_id)
    return reference_profile(product, test, bundle, positive_rate=float(rows.y[split.test].mean()), auc=auc)


def _recourse(
    product: Product, engine: "Engine", table: pa.Table, rows: TrainingRows, split: Split
) -> dict[str, dict[str, Any]]:
    """How many declined test rows have a recourse; nothing where the product declares none."""
    if product.recourse is None:
        return {}
    from assets.evaluation.recourse import recourse_figures

    test = _in_order(table, rows.row_ids[split.test], product.spine.row_id)
    return {"recourse": recourse_figures(product, product.recourse, engine, test).to_dict()}


def _in_order(table: pa.Table, row_ids: NDArray[np.generic], row_id: str) -> pa.Table:
    """The table's rows with these ids, in the order of the ids."""
    ids = table[row_id].combine_chunks()
    return table.take(pc.index_in(pa.array(row_ids, ids.type), value_set=ids))
