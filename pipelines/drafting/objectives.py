"""The burn-rate rules of `infra/prometheus`, made from the service level objectives.

    python -m pipelines.drafting.objectives > infra/prometheus/burn_rates.yml

Belongs here: from an objective to its recording and alerting rules. Does not belong here: the objectives
(`resources.objectives`), other rules (`infra/prometheus/alerts.yml`).

The windows and rates are those that the Site Reliability Workbook (Beyer et al., 2018, chapter 5, "Multiwindow,
Multi-Burn-Rate Alerts") recommends. A burn rate of 1 spends the budget of 30 days in 30 days. A page: 2% of the budget
went within an hour (rate 14.4), or 5% within six (rate 6). A ticket: 10% went within three days (rate 1). The second,
shorter window of each ends the alert soon after the failures have ended.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from resources.notifications import REPOSITORY
from resources.objectives import OBJECTIVES, Objective, objectives

_RUNBOOK = f"{REPOSITORY}/infra/prometheus/RUNBOOK.md"
_WINDOWS = ("5m", "30m", "1h", "6h", "3d", "30d")
_PRODUCT = "{{ with $labels.product }}{{ . }}: {{ end }}"
_HEAD = f"""\
# Made from {OBJECTIVES.name} by `python -m pipelines.drafting.objectives`; do not edit.
# Windows and rates: Site Reliability Workbook, chapter 5, multiwindow, multi-burn-rate alerts.
"""


@dataclass(frozen=True)
class Burn:
    """A rate at which a budget may not be spent over a long and a short window at the same time."""

    alert: str
    severity: Literal["critical", "warning"]
    rate: float
    windows: tuple[str, str]
    spent: str


BURNS = (
    Burn("ErrorBudgetBurnsFast", "critical", 14.4, ("1h", "5m"), "2% of the budget of 30 days within an hour"),
    Burn("ErrorBudgetBurnsFast", "critical", 6.0, ("6h", "30m"), "5% of the budget of 30 days within six hours"),
    Burn("ErrorBudgetBurns", "warning", 1.0, ("3d", "6h"), "10% of the budget of 30 days within three days"),
)


def rules_of(objective: Objective) -> list[dict[str, Any]]:
    """The recording rules, then the alerts."""
    return [*_records(objective), *_alerts(objective)]


def rules_text() -> str:
    """The rules of every objective, as Prometheus reads them."""
    groups = [{"name": f"objective {one.name}", "rules": rules_of(one)} for one in objectives()]
    return _HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, width=110, allow_unicode=True)


def _records(objective: Objective) -> Iterator[dict[str, Any]]:
    name, query = objective.name, objective.query
    if objective.bad:
        yield _recorded("promise_broken", query, name)
        query = f'avg_over_time(loopline:promise_broken{{objective="{name}"}}[$window])'
    for window in _WINDOWS:
        yield _recorded(f"error_share:{window}", query.replace("$window", window), name)
    left = f'1 - loopline:error_share:30d{{objective="{objective.name}"}} / {objective.budget:g}'
    yield _recorded("error_budget_left", left, name)


def _recorded(record: str, query: str, objective: str) -> dict[str, Any]:
    return {"record": f"loopline:{record}", "expr": query, "labels": {"objective": objective}}


def _alerts(objective: Objective) -> Iterator[dict[str, Any]]:
    for burn in BURNS:
        limit = f"{burn.rate * objective.budget:.6g}"
        parts = [f'loopline:error_share:{w}{{objective="{objective.name}"}} > {limit}' for w in burn.windows]
        yield {
            "alert": burn.alert,
            "expr": " and ".join(parts),
            "labels": {
                "objective": objective.name,
                "burn": f"{burn.rate:g}",
                "severity": burn.severity,
                "owner": objective.owner,
            },
            "annotations": {
                "runbook_url": f"{_RUNBOOK}#{burn.alert.lower()}",
                "summary": f"Not kept: {objective.promise}. {_PRODUCT}{burn.spent} was spent",
                "action": f"The panel of the objective {objective.name} in the dashboard `service` shows since when.",
            },
        }


if __name__ == "__main__":
    sys.stdout.write(rules_text())
