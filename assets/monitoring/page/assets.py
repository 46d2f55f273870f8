"""The asset `monitoring_page`: the page of a product's newest day.

Belongs here: what a run reads for the page, keeping it, and the trainings that Dagster recorded. Does not belong here:
the content of the page (the modules beside this one).

The asset has no days: a run of many days makes one page, of the newest day, and pages of earlier days are kept.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.materialising import CAUSE_TAG, REASON_TAG, Stopwatch, asset_key, asset_of, permanent
from assets.monitoring.page.html import to_html
from assets.monitoring.page.reading import Recorded, newest_day, report_of, stored_tables
from assets.monitoring.page.report import Heard, Training, TrainingResult
from assets.monitoring.page.summary import headline, lines_of
from assets.product import Product
from assets.product.names import MONITORING_PAGE, REGISTERED_MODEL, RETRAINING, TRAINING_SET
from assets.serving.log import decision_log
from assets.serving.log.writer import DecisionLogError
from resources.alerts.book import open_book
from resources.alerts.policy import AlertError
from resources.environments import Environment
from resources.lake import Lake, LakeError
from resources.objectives import objectives
from resources.pages import Pages
from resources.rollout_store.manifest import RolloutError
from resources.rollout_store.store import RolloutStore
from resources.slots import end_of

_TRAININGS = 12
_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)

Listen = Callable[[Product, Lake, str | None, datetime], Heard]
"""What the monitors say of a champion at a time."""


def monitoring_page_asset(product: Product, listen: Listen) -> dg.AssetsDefinition:
    """`monitoring_page`: what a person needs to know of the newest day, on one page.

    Args:
        listen: Hears the monitors.
    """
    name = MONITORING_PAGE

    @asset_of(
        product,
        name,
        deps=[asset_key(product, one) for one in (*stored_tables(product).values(), RETRAINING)],
        group_name="monitoring",
        description="One page on the newest day: what needs a person, and every figure of monitoring over the days.",
        kinds={"html"},
        output_required=False,
    )
    def monitoring_page(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        rollout: dg.ResourceParam[RolloutStore],
        environment: dg.ResourceParam[Environment],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        stopwatch, pages = Stopwatch(name), Pages(environment.pages)
        with permanent(LakeError, RolloutError, AlertError, DecisionLogError):
            day = newest_day(product, lake)
            if day is None:  # what it is made from was left unmade too, and says why
                return
            # The page is as of the end of its day, whenever it is made: the same tables give the same page.
            recorded = recorded_of(product, environment, lake, rollout, context.instance, listen, end_of(day))
            until = max([day, *decision_log.days(environment.decision_log, product.name)])
            report = report_of(product, lake, recorded, clock=end_of(day), now=environment.clock.now(), until=until)
        before = max((one for one in pages.days(product.name) if one < day), default=None)
        page = to_html(report, before=before)
        address = pages.keep(product.name, day, page)
        lines = "\n".join(f"- **{line.name}** ({line.state}): {line.text}" for line in lines_of(report))
        yield stopwatch.result(
            rows=1, page=dg.MetadataValue.url(address if "://" in address else f"file://{address}"),
            path=dg.MetadataValue.path(address), day=day.isoformat(), headline=headline(report),
            summary=dg.MetadataValue.md(lines), bytes=len(page.encode()),
        )  # fmt: skip

    return monitoring_page


def recorded_of(
    product: Product,
    environment: Environment,
    lake: Lake,
    rollout: RolloutStore,
    instance: dg.DagsterInstance,
    listen: Listen,
    clock: datetime,
) -> Recorded:
    """What is recorded outside of the tables of figures.

    Raises:
        LakeError, RolloutError, AlertError: A table, the rollout or the book of alerts cannot be read.
    """
    manifest = rollout.read_manifest(product.name)
    champion = None if manifest is None else manifest.champion.version
    return Recorded(
        manifest=manifest,
        alerts=open_book(environment.records).read(product.name),
        heard=listen(product, lake, champion, clock),
        trainings=trainings_of(instance, product),
        log=environment.decision_log,
        objectives=objectives(),
    )


def trainings_of(instance: dg.DagsterInstance, product: Product) -> tuple[Training, ...]:
    """The latest trainings that Dagster recorded, the newest first: each begins with a training set."""

    def made(name: str) -> Sequence[dg.EventLogRecord]:
        wanted = dg.AssetRecordsFilter(asset_key=asset_key(product, name))
        return instance.fetch_materializations(wanted, limit=_TRAININGS).records

    versions = {}
    for record in made(REGISTERED_MODEL):
        if record.asset_materialization is not None:
            versions[record.run_id] = str(record.asset_materialization.metadata["version"].value)
    found = []
    for record in made(TRAINING_SET):
        run = instance.get_run_by_id(record.run_id)
        ended = run is None or run.status in _ENDED
        version = versions.get(record.run_id, "")
        result: TrainingResult = "registered" if version else "refused or failed" if ended else "under way"
        tags = {} if run is None else run.tags
        why = tags.get(REASON_TAG) or tags.get(CAUSE_TAG, "")
        found.append(Training(datetime.fromtimestamp(record.timestamp, UTC), result, version, why))
    return tuple(found)
