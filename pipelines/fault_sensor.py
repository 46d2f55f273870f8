"""The sensor that tells people of data faults.

Belongs here: which faults were told already, and when they are told again. Does not belong here: recognising faults
(`assets.monitoring.faults`), the words of an alert (`alerts.py`), other sensors (`sensors.py`).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg

from assets.monitoring.faults.finding import Finding
from assets.monitoring.faults.holding import FaultAction, StandingFaults, late_sources, standing_faults
from assets.monitoring.verdicts import alert_verdict
from assets.product import Product, Verdict
from pipelines.alerts import data_fault, data_fault_ended, days_missing
from resources.clock import Clock
from resources.lake import Lake
from resources.notifications import Alert, Notifier

_AGAIN = timedelta(days=7)
_NO_DAYS = "no day"
"""The key of the alert that no day was made for too long."""


def data_fault_alert(product: Product) -> dg.SensorDefinition:
    """Tells of each data fault once, again while it stands, and when it is gone.

    It reads the table, not events: a fault that a backfill brings or mends is told too, and a tick that failed misses
    nothing. It asks for no run: a data fault is mended by people.
    """

    @dg.sensor(
        name=f"{product.name}_data_fault_alert",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of each data fault: source, column, kind, day, owner, remedy. It starts no run.",
    )
    def alert(
        context: dg.SensorEvaluationContext,
        lake: dg.ResourceParam[Lake],
        notifier: dg.ResourceParam[Notifier],
        clock: dg.ResourceParam[Clock],
    ) -> dg.SkipReason:
        moment, told = datetime.now(UTC), _told(context.cursor)
        standing = standing_faults(product, lake)
        verdict = standing.verdict(clock.now())
        known = dict(told)
        for key, due in _alerts(product, lake, standing, verdict, told):
            before = "alert" if key in told else None
            current: Verdict[str] = Verdict("none" if due is None else "alert", verdict.reasons)
            sent = alert_verdict(current, before=before, alerted_at=told.get(key), now=moment, repeat=_AGAIN)
            if sent.action == "send":
                notifier.send(due or data_fault_ended(product, key))
                known[key] = moment
            if due is None:
                known.pop(key, None)
        context.update_cursor(json.dumps({key: at.isoformat() for key, at in known.items()}))
        return dg.SkipReason(f"{verdict.action}: {'; '.join(verdict.reasons)}")

    return alert


def _alerts(
    product: Product, lake: Lake, standing: StandingFaults, verdict: Verdict[FaultAction], told: Mapping[str, datetime]
) -> Iterator[tuple[str, Alert | None]]:
    """What stands, each under a key with its alert; and the keys of what was told and stands no longer, without one."""
    faults: dict[str, Finding] = {one.key: one for one in standing.latest}
    for key, one in faults.items():
        yield key, data_fault(product, one)
    is_late = verdict.action == "alert" and len(verdict.reasons) > len(faults)
    if is_late and standing.judged is not None:
        yield _NO_DAYS, days_missing(product, verdict.reasons[-1], late_sources(product, lake, standing.judged))
    for key in told:
        if key not in faults and not (key == _NO_DAYS and is_late):
            yield key, None


def _told(cursor: str | None) -> dict[str, datetime]:
    return {key: datetime.fromisoformat(at) for key, at in json.loads(cursor or "{}").items()}
