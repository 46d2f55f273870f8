"""The status of a product in 20 lines, and whole as JSON."""

import json
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from assets.monitoring.page.report import StandingAlert
from pipelines.cli.render.status import show_status, status_json
from pipelines.operations.product_status import ProductStatus
from resources.lake import Lake
from resources.notifications import Alert
from tests.support.data.watched_days import FAULT, PRODUCT, fill_watched, watched_report

WAITING = {"version": "2", "approve": "loopline approve credit_risk 2", "reason": "", "model_card": "", "reject": ""}


@pytest.fixture(scope="module")
def status(tmp_path_factory: pytest.TempPathFactory) -> ProductStatus:
    home = tmp_path_factory.mktemp("home")
    lake = Lake(str(home / "lake"))
    fill_watched(lake)
    return ProductStatus(watched_report(lake, home / "log"), "/pages/credit_risk/2026-09-30.html", None)


def told(status: ProductStatus) -> list[str]:
    out = StringIO()
    show_status(status, Console(file=out, width=400))
    return out.getvalue().splitlines()


def test_it_says_what_the_page_says(status: ProductStatus) -> None:
    lines = told(status)
    assert lines[0].startswith("credit_risk, 2026-09-30: One thing needs a person")
    assert [line.split()[1] for line in lines[1:5]] == ["data", "business", "performance", "estimate"]
    assert lines[1].split()[0] == "!"
    assert any("scaled" in line and FAULT.owner in line for line in lines)
    assert lines[-1] == "page: /pages/credit_risk/2026-09-30.html"


@pytest.mark.parametrize("count", [0, 1, 5, 40])
def test_it_is_never_longer_than_twenty_lines(status: ProductStatus, count: int) -> None:
    """However many alerts stand; what has no room is named with the command that shows it."""
    alerts = tuple(
        StandingAlert(Alert(kind="kpi", severity="error", title=f"alert {at}", product=PRODUCT.name, message="m" * 999,
                            episode=f"{at}"), "owner", "error") for at in range(count)
    )  # fmt: skip
    lines = told(replace(status, report=replace(status.report, alerts=alerts), waiting=WAITING))
    assert len(lines) <= 20
    assert max(map(len, lines)) < 190
    assert any("version 2 waits for an approver: loopline approve credit_risk 2" in line for line in lines)
    assert any("more: loopline alerts credit_risk" in line for line in lines) is (count > 5)


def test_as_json_it_is_whole(status: ProductStatus) -> None:
    found: dict[str, Any] = json.loads(json.dumps(status_json(status), default=str, allow_nan=False))
    assert found["headline"].startswith("One thing needs a person")
    assert len(found["lines"]) == 12
    (alert,) = found["alerts"]
    assert (alert["kind"], alert["needs_a_person"]) == ("data_fault", True)
    assert alert["runbook"].endswith("RUNBOOK.md#data_fault")
    assert found["figures"]["kpis"][0]["value"] == 29.0
    assert {one["objective"]: one["left"] for one in found["error_budgets"]}["within_100_ms"] is None
    assert found["trainings"][0]["version"] == "1"
