"""The form of results, as text and as JSON."""

from datetime import date
from types import SimpleNamespace

import pytest

from pipelines.cli import console, render


def test_the_next_commands_are_of_the_product_and_of_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    """They can be run as they stand."""
    report = SimpleNamespace(product=SimpleNamespace(name="loans"), last=date(2026, 9, 30))
    render.show_next(report, ["cards"], console.results(json_=False))  # type: ignore[arg-type]
    assert capsys.readouterr().out.split("\n")[2:6] == [
        "  loopline up                          Dagster, MLflow and the decision service, with their addresses",
        "  loopline run cards                   another product",
        "  loopline backfill loans --from 2026-09-01 --to 2026-09-07",
        "  loopline tables loans                what is in the lake",
    ]
