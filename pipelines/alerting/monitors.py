"""The alerts of the monitors: drift, performance, business figures, data faults, and retrainings that do not help.

Belongs here: from the verdicts on recorded figures to the alerts that stand, and to which others are over. Does not
belong here: the verdicts (`assets.monitoring`), keeping and telling an alert (`resources.alerts`), the alerts of runs
and rollouts (`alerts.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from assets.monitoring.faults.finding import Finding
from assets.monitoring.faults.holding import late_sources, standing_faults
from assets.monitoring.page.report import Heard
from assets.monitoring.performance.verdicts import KpiSignal
from assets.monitoring.retraining.helped import LOSSES, Retraining, help_verdict
from assets.monitoring.retraining.table import RecordedDay, recorded_verdict
from assets.monitoring.signals import KpiFigures, drift_cause, estimated_cause, kpi_figures, performance_cause
from assets.monitoring.verdicts import Cause
from assets.product import Product
from assets.product.names import (
    BATCH_PERFORMANCE,
    DATA_FAULTS,
    DRIFT,
    ESTIMATED_PERFORMANCE,
    KPIS,
    PERFORMANCE,
    RETRAINING,
)
from pipelines.alerting.alerts import runbook_of
from pipelines.runs.retrainings import with_causes
from resources.errors import listed
from resources.lake import Lake
from resources.notifications import Alert, AlertKind

_KINDS: Mapping[str, AlertKind] = {"drift": "drift", "performance": "performance", "estimated": "estimated"}
"""The kind of the alerts on a cause of that kind; a schedule is none that people are told of."""
_WORDS: Mapping[AlertKind, str] = {
    "drift": "rows have drifted",
    "performance": "the champion ranks worse than at its approval",
    "estimated": "the champion is expected to rank worse than at its approval",
}
_HELD_FOR_PEOPLE = ("budget", "labels", "cost")
"""Holds that people may decide to lift; the others end by themselves, or have an alert of their own."""


@dataclass(frozen=True)
class Watched:
    """What monitors of a product say now.

    Attributes:
        alerts: Those that stand.
        over: The kinds that could be judged, each with the reason why an alert of it that is not among `alerts` is
            over. No alert of another kind is over: unknown is not calm.
        unknown: The cases of which nothing is known although their kind could be judged.
    """

    alerts: tuple[Alert, ...] = ()
    over: Mapping[AlertKind, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()

    def ending(self, alert: Alert) -> str:
        """Why an alert is over; empty while it stands, or where nobody knows."""
        stands = alert.case in self.unknown or alert.case in {one.case for one in self.alerts}
        return "" if stands else self.over.get(alert.kind, "")


def watched(
    product: Product, lake: Lake, champion: str | None, now: datetime, last: Retraining | None = None
) -> Watched:
    """What every monitor says.

    Args:
        champion: The version that decides now; `None` without one.
        last: What became of the last retraining; `None` for none.

    Raises:
        LakeError: A table is damaged.
    """
    causes, kpis = _causes(product, lake, champion, now), kpi_figures(product, lake, now)
    judged = None if last is None else with_causes(last, champion, causes)
    return _watched(product, lake, causes, kpis, judged, now)


def heard(product: Product, lake: Lake, champion: str | None, now: datetime) -> Heard:
    """The verdicts of the monitors, and the alerts that they raise; `champion` and errors as for `watched`."""
    causes, kpis = _causes(product, lake, champion, now), kpi_figures(product, lake, now)
    return Heard(causes, kpis.verdict, _watched(product, lake, causes, kpis, None, now).alerts)


def _causes(product: Product, lake: Lake, champion: str | None, now: datetime) -> tuple[Cause, ...]:
    return tuple(find(product, lake, champion, now) for find in (drift_cause, performance_cause, estimated_cause))


def _watched(
    product: Product,
    lake: Lake,
    causes: Iterable[Cause],
    kpis: KpiFigures,
    last: Retraining | None,
    now: datetime,
) -> Watched:
    of_causes = (of_cause(product, cause) for cause in causes)
    of_retrainings = of_retraining(product, recorded_verdict(product, lake), last)
    return together([*of_causes, of_kpis(product, kpis), of_faults(product, lake, now), of_retrainings])


def together(parts: Iterable[Watched]) -> Watched:
    """What several monitors say."""
    found = list(parts)
    return Watched(
        alerts=tuple(alert for part in found for alert in part.alerts),
        over={kind: reason for part in found for kind, reason in part.over.items()},
        unknown=frozenset(case for part in found for case in part.unknown),
    )


def of_cause(product: Product, cause: Cause) -> Watched:
    """People are told of a retraining that starts by itself, and of a cause that asks for them alone."""
    kind = _KINDS.get(cause.kind)
    if kind is None or cause.action == "unknown":
        return Watched()
    if cause.action == "none":
        return Watched(over={kind: f"{kind} is as it should be"})
    return Watched((_model_judged(product, kind, cause),), {kind: "another alert has its place"})


def of_kpis(product: Product, kpis: KpiFigures) -> Watched:
    """Each business figure that is outside of its expectation is an alert of its own."""
    if kpis.day is None or kpis.verdict.action == "unknown":
        return Watched()
    outside = tuple(_kpi_outside(product, kpis.day, one) for one in kpis.signals if one.outside)
    unknown = (_kpi_outside(product, kpis.day, one).case for one in kpis.signals if one.outside is None)
    return Watched(outside, {"kpi": "the figure is as expected"}, frozenset(unknown))


def of_faults(product: Product, lake: Lake, now: datetime) -> Watched:
    """Each data fault that stands is an alert, and so is it that no day was made for too long.

    Raises:
        LakeError: A table is damaged.
    """
    standing = standing_faults(product, lake)
    if standing.judged is None:
        return Watched()
    alerts = [_data_fault(product, fault) for fault in standing.latest]
    late = standing.late(now)
    if late:
        alerts.append(_days_missing(product, late, late_sources(product, lake, standing.judged)))
    return Watched(tuple(alerts), {"data_fault": "the fault stands no longer: it was mended, or its day is long past"})


def of_retraining(product: Product, recorded: RecordedDay | None, last: Retraining | None) -> Watched:
    """People are told of a retraining that is held for other reasons than time, and of one that did not help."""
    if recorded is None and last is None:
        return Watched()
    alerts: list[Alert] = []
    held = {} if recorded is None else {kind: why for kind, why in recorded.holds.items() if kind in _HELD_FOR_PEOPLE}
    if recorded is not None and recorded.action == "wait" and held:
        alerts.append(_retraining_held(product, recorded, "; ".join(held.values())))
    helped = None if last is None else help_verdict(last)
    if last is not None and helped is not None and helped.action == "no help" and last.kinds & LOSSES:
        alerts.append(_no_help(product, last, helped.reasons))
    return Watched(tuple(alerts), {"retraining": "it is held no longer, or a later retraining took its place"})


def _retraining_held(product: Product, recorded: RecordedDay, why: str) -> Alert:
    """The alert for a retraining that is asked for, and that people may want all the same."""
    return Alert(
        kind="retraining",
        severity="warning",
        subject="held",
        episode="" if recorded.since is None else recorded.since.isoformat(),
        title="a retraining is asked for and held",
        product=product.name,
        asset=RETRAINING,
        partition=recorded.day.isoformat(),
        message=f"{why}. {'; '.join(recorded.reasons)}",
        remedy=f"wait, or: loopline retrain {product.name} --reason TEXT",
        runbook=runbook_of("retraining"),
    )


def _no_help(product: Product, last: Retraining, reasons: tuple[str, ...]) -> Alert:
    """The alert for a retraining that did not help."""
    which = "the retraining" if last.version is None else f"version {last.version}"
    return Alert(
        kind="retraining",
        severity="warning",
        subject=which,
        episode="" if last.since is None else last.since.isoformat(),
        title=f"a retraining did not help: {which}",
        product=product.name,
        asset=RETRAINING,
        message="; ".join(reasons),
        remedy="look for what else may be wrong before another retraining",
        runbook=runbook_of("retraining"),
    )


def _model_judged(product: Product, kind: AlertKind, cause: Cause) -> Alert:
    """The alert for drift, or for performance that has fallen; a retraining starts by itself, or people are asked."""
    _, _, version, since = cause.key.split("/")
    retrains = cause.action == "retrain"
    realised = BATCH_PERFORMANCE if product.monitoring.judged == "batch" else PERFORMANCE
    asset = {"drift": DRIFT, "estimated": ESTIMATED_PERFORMANCE}.get(kind, realised)
    stop = f"a retraining starts by itself; compare its model card, or stop it: loopline rollout {product.name}"
    look = f"no retraining starts by itself: compare the pictures of the asset {product.name}/{asset} with the reasons"
    return Alert(
        kind=kind,
        severity="warning",
        subject=version,
        # Without a retraining there is no episode that a run answers: one alert, for as long as it lasts.
        episode=since if retrains else "",
        title=f"{_WORDS[kind]} since {since}" if retrains else f"{_WORDS[kind]}: people are asked",
        product=product.name,
        asset=asset,
        message="; ".join(cause.reasons),
        remedy=stop if retrains else look,
        runbook=runbook_of(kind),
    )


def _kpi_outside(product: Product, day: date, figure: KpiSignal) -> Alert:
    """The alert for a business figure that is not as expected."""
    return Alert(
        kind="kpi",
        severity="warning",
        subject=figure.figure,
        title=f"business figures: {figure.words} is not as expected",
        product=product.name,
        asset=KPIS,
        partition=day.isoformat(),
        message=figure.sentence,
        remedy=f"the picture of the asset {product.name}/{KPIS} shows each figure beside its expectation",
        runbook=runbook_of("kpi"),
    )


def _data_fault(product: Product, fault: Finding) -> Alert:
    """The alert for a data fault: source, column, kind, days, and who is asked."""
    return Alert(
        kind="data_fault",
        severity="error",
        subject=f"{fault.place} {fault.kind}",
        episode=fault.since.isoformat(),
        owner=fault.owner,
        title=f"data fault: {fault.place} {fault.kind}",
        product=product.name,
        asset=DATA_FAULTS,
        partition=" to ".join(dict.fromkeys((str(fault.since), str(fault.day)))),
        message=f"{fault.sentence}. No model is trained while it explains drift; owner: {fault.owner}",
        remedy=fault.remedy(product.name),
        runbook=runbook_of("data_fault"),
    )


def _days_missing(product: Product, reason: str, sources: Mapping[str, str]) -> Alert:
    """The alert for days that nobody made: a feed is gone, or runs fail or wait.

    Args:
        sources: The sources that have no newer day, each with its owner.
    """
    owners = listed([f"{name} ({owner})" for name, owner in sources.items()])
    ask = f"no newer day of {owners}: ask the owner, then `loopline run {product.name}`"
    return Alert(
        kind="data_fault",
        severity="error",
        subject="no day",
        title="data fault: feed_missing",
        product=product.name,
        asset=DATA_FAULTS,
        message=reason,
        remedy=ask if sources else f"every source has newer days: `loopline run {product.name}` makes them",
        runbook=runbook_of("data_fault"),
    )
