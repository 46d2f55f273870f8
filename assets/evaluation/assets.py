"""Assets of evaluation: `evaluation`, with every gate as a blocking check.

Belongs here: evaluating the candidate of a run on its test rows, recording figures and pictures. Does not belong here:
computing a figure (the modules beside this one), registering (`assets.registry`), promotion (`assets.rollout`).

Libraries that take seconds to load are imported by the asset that needs them: most processes run others.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from assets.bundle.bundle import Bundle, BundleError
from assets.bundle.files import write_bundle
from assets.bundle.released import bundle_of_run
from assets.evaluation.checks import gate_checks, gate_results
from assets.evaluation.known import known_gates
from assets.governance.audit import Audit
from assets.materialising import Stopwatch, asset_key, asset_of, permanent
from assets.product import Product
from assets.product.names import EVALUATION, MODEL, ONLINE_STORE, TRAINING_SET, table_name
from assets.rollout.keeper import Keeper
from resources.clock import Clock
from resources.code_version import code_version
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake, LakeError
from resources.online_store.opening import OnlineStores
from resources.pages import Pages
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
        check_specs=gate_checks(key, known_gates(product.gates), product.fairness),
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
        from assets.evaluation.recording import record_evaluation
        from assets.evaluation.report.page import REPORT
        from assets.evaluation.targets import appraise
        from assets.serving.engine import Engine
        from assets.serving.latency import decision_latency
        from assets.training.candidate import CANDIDATE

        watch, run, training_set = Stopwatch(name), tracking.resumed(model["mlflow_run"]), model["training_set"]
        keeper = Keeper(tracking, rollout, audit, keys.signing)
        with permanent(LakeError, BundleError), TemporaryDirectory(prefix="loopline-") as place:
            table = lake.read(table_name(product.name, TRAINING_SET), version=training_set["version"])
            bundle = bundle_of_run(run.download(CANDIDATE, Path(place)), product.name, run.run_id, keys.signing)
            engine, champion = Engine(bundle, online_stores.of(product.name)), _champion(product, keeper)
            judged = appraise(
                product, table, bundle, engine, champion, future_features=training_set["audit"]["changed_features"],
                latency_ms=decision_latency(engine, table, now=clock.now(), seed=product.model.seed), made=clock.now(),
            )  # fmt: skip
            write_bundle(judged.parts, Path(place) / EVALUATED, keys.signing)
            run.folder(EVALUATED, Path(place) / EVALUATED)
        verdict = judged.verdict
        record_evaluation(
            run, product, judged, code=code_version(), dagster_run=context.run.run_id,
            dagster_url=environment.dagster_url,
        )  # fmt: skip
        run.html(REPORT, judged.page)
        address = Pages(environment.pages).keep_model(product.name, run.run_id, judged.page)
        yield watch.result(
            rows=judged.rows, checks=gate_results(verdict),
            value={**model, "verdict": verdict.action, "compared_with": champion.version if champion else None},
            verdict=verdict.action, reasons=list(verdict.reasons), **judged.shown,
            mlflow_run=dg.MetadataValue.url(tracking.page(run.run_id)),
            report=dg.MetadataValue.url(address if "://" in address else f"file://{address}"),
            **judged.pictures,
        )  # fmt: skip

    return evaluation


def _champion(product: Product, keeper: Keeper) -> Bundle | None:
    """The bundle that decides now, published again if its copy is damaged; `None` before the first release."""
    state = keeper.state(product.name)
    return None if state is None else keeper.published(product.name, state.champion)[0]
