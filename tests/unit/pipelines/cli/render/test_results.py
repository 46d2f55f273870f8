"""The form of results, as text and as JSON."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from assets.replay.decision import Difference
from assets.replay.features import EventGap, Parity
from pipelines.cli import console
from pipelines.cli.render.replay import show_replay
from pipelines.cli.render.runs import show_next
from pipelines.operations.decisions.replay import Replayed, ReplayReport


def test_the_next_commands_are_of_the_product_and_of_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    """They can be run as they stand."""
    report = SimpleNamespace(product=SimpleNamespace(name="loans"), last=date(2026, 9, 30))
    show_next(report, ["cards"], console.results(json_=False))  # type: ignore[arg-type]
    assert capsys.readouterr().out.split("\n")[2:6] == [
        "  loopline up                          Dagster, MLflow and the decision service, with their addresses",
        "  loopline run cards                   another product",
        "  loopline backfill loans --from 2026-09-01 --to 2026-09-07",
        "  loopline tables loans                what is in the lake",
    ]


def test_many_events_of_one_reason_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A replay of past-dated decisions, each of which lacks hundreds of events, is read on one screen."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    gaps = tuple(
        EventGap(
            source,
            "C1",
            noon + timedelta(hours=n),
            noon,
            "lake",
            False,
            f"older than the store has {source}",
            "past_decision",
        )
        for source in ("payments", "visits")
        for n in range(100)
    )
    parity = Parity((Difference("spent", 1.0, 2.0),), gaps)
    decisions = tuple(Replayed(f"d{n}", "1", "different", parity=parity) for n in range(50))
    show_replay(ReplayReport("loans", "2026-03-01", decisions, {}), console.results(json_=False))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 60
    assert (
        "  · d0: 100 events of payments of C1 from 2026-03-01T12:00:00+00:00 to 2026-03-05T15:00:00+00:00, only in the "
        "lake: older than the store has payments"
    ) in lines
    assert lines[-1] == "  · 30 more differ; --json lists them all"
