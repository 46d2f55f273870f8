"""The commands about a rollout: `rollout` and `rollback`; the steps that the demonstration shows.

Belongs here: their arguments, output and exit status. Does not belong here: what they do
(`pipelines.operations.rollout`), approvals (`models/approvals.py`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName, file_to_write
from resources.environments import load_environment

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.operations.rehearsal import StepTaken
    from pipelines.operations.rollout import RolloutReport

_VERBS = ("start", "advance", "promote", "pause", "resume", "freeze")
Verb = Annotated[str | None, typer.Argument(metavar="[VERB]", help=f"{', '.join(_VERBS)}; without: where it stands.")]
Version = Annotated[str | None, typer.Argument(metavar="[VERSION]", help="Version number in the registry.")]
By = Annotated[str, typer.Option(help="Your name; it is recorded.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]


def rollout(
    product: ProductName,
    verb: Verb = None,
    version: Version = None,
    by: By = "",
    reason: Reason = "",
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", callback=file_to_write(".html"), help="Write the report as one page."),
    ] = None,
    json_: Json = False,
) -> None:
    """Show how far a new version has come, and why; or start, advance, promote, pause, resume or freeze it."""
    from pipelines.operations.rollout import move_rollout, rollout_report, write_rollout_page

    if verb is not None and page is not None:
        raise typer.BadParameter("--page is of the report: leave the verb out")
    if verb is None:
        report = rollout_report(product, load_environment())
    elif verb in _VERBS:
        report = move_rollout(product, load_environment(), verb, by=by, reason=reason, version=version)  # type: ignore[arg-type]
    else:
        raise typer.BadParameter(f"{verb}: write one of {', '.join(_VERBS)}, or loopline rollback {product}")
    if page is not None:
        write_rollout_page(report, page)
    _show(report, console.results(json_))
    if page is not None:
        console.say(f"  {page}", console.results(json_))
    if json_:
        console.print_json(_json(report) | {"page": None if page is None else str(page)})


def rollback(
    product: ProductName, version: Version = None, by: By = "", reason: Reason = "", json_: Json = False
) -> None:
    """Take the challenger out of serving; without one, go back to the champion before, or to VERSION."""
    from pipelines.operations.rollout import move_rollout

    report = move_rollout(product, load_environment(), "roll_back", by=by, reason=reason, version=version)
    _show(report, console.results(json_))
    if json_:
        console.print_json(_json(report))


def _json(report: "RolloutReport") -> dict[str, Any]:
    state, look = report.state, report.look
    return {
        "product": report.product,
        "champion": state.champion.version,
        "challengers": [{"version": one.release.version, "share": one.share} for one in state.challengers],
        "shadow": None if state.shadow is None else state.shadow.version,
        "former": [one.version for one in state.former],
        "rollout": state.rollout,
        "stage": state.stage,
        "step": state.step,
        "hold": state.hold,
        "generation": state.generation,
        "verdict": look.verdict.action,
        "reasons": list(look.verdict.reasons),
        "requests": look.signals.requests.get(state.step, 0),
        "signals": look.readings,
        "moves": [{**vars(move), "at": move.at.isoformat()} for move in state.moves],
        "followed": list(report.followed),
        "behind": report.behind,
        "results": None if report.results is None else report.results.to_dict(),
        "unread": report.unread,
    }


def _show(report: "RolloutReport", to: "Console") -> None:
    from assets.rollout.moves import where

    state, look = report.state, report.look
    console.say(f"{report.product}: {where(state)}", to)
    if state.rollout:
        console.say(f"  next: {look.verdict.action}: {'; '.join(look.verdict.reasons)}", to)
    if look.readings:
        console.table(
            ["signal", "champion", "challenger", "requests", "needed", "evidence"],
            [
                [one["signal"], _figure(one["champion"]), _figure(one["challenger"]), f"{one['n_challenger']:,}",
                 "" if one["needed_challenger"] is None else f"{one['needed_challenger']:,}",
                 f"{one['evidence']:.1f} of {one['threshold']:.1f}"]
                for one in look.readings
            ],
            to,
            right=["champion", "challenger", "requests", "needed", "evidence"],
        )  # fmt: skip
    _show_results(report, to)
    console.heading("Changes, the newest first", to)
    for move in list(reversed(state.moves))[:10]:
        what = move.action.replace("_", " ")
        console.say(f"{move.at:%Y-%m-%d %H:%M:%S}  {what} version {move.version}, by {move.by}", to)
        console.say(f"  {move.reason}", to)
    if report.behind:
        console.say(report.behind, to)


def _show_results(report: "RolloutReport", to: "Console") -> None:
    if report.unread:
        console.say(f"  {report.unread}", to)
    results = report.results
    if results is None or not results.arms:
        return
    console.table(
        ["arm", "version", "decisions", "labelled", "bad rate", "profit", "always-valid interval"],
        [
            [arm.arm, arm.version, f"{arm.decisions:,}", f"{arm.labelled:,}", _figure(arm.bad_rate),
             _figure(arm.profit), f"{arm.profit_low:.4g} to {arm.profit_high:.4g}"]
            for arm in results.arms
        ],
        to,
        right=["decisions", "labelled", "bad rate", "profit"],
    )  # fmt: skip
    for test in results.experiments:
        console.say(f"  version {test.version}: {test.conclusion}: {test.reason}", to)
    if results.values:
        console.table(
            ["by propensities", "method", "value", "interval", "decisions"],
            [
                [one.policy, one.method, _figure(one.value),
                 "; ".join(one.reasons) or f"{_figure(one.low)} to {_figure(one.high)}", f"{one.decisions:,}"]
                for one in results.values
            ],
            to,
            right=["value", "decisions"],
        )  # fmt: skip


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def show_rehearsal(steps: "Sequence[StepTaken]", to: "Console") -> None:
    """The steps of a rollout."""
    if not steps:
        return
    console.heading("A second model reaches the customers", to)
    console.table(
        ["step", "share", "requests", "seconds", "then"],
        [[s.step, f"{s.share:.0%}", f"{s.requests:,}", f"{s.seconds:.1f}", s.verdict.replace("_", " ")] for s in steps],
        to,
        right=["share", "requests", "seconds"],
    )
