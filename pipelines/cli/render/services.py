"""The state of services and of what they need, and the findings of the doctor.

Belongs here: the form of these results. Does not belong here: the terminal (`console.py`), commands.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.cli import console

if TYPE_CHECKING:  # these imports take seconds, and `--help` does not need them
    from rich.console import Console

    from pipelines.operations.doctor.finding import Finding
    from pipelines.operations.retrainings import RetrainState
    from pipelines.services.states import ServiceStatus
    from resources.dependencies import Dependency

_REASONS = 4
"""Reasons of a verdict that are shown; the JSON object has all of them."""


def show_findings(found: Sequence["Finding"], to: "Console") -> None:
    """A line for each finding, with its remedy."""
    for finding in found:
        remedy = "" if finding.ok else f" → {finding.remedy}"
        console.say(f"{finding.name:<18} {finding.detail}{remedy}", to, mark="done" if finding.ok else "failed")


def show_service(service: "ServiceStatus", to: "Console") -> None:
    """A line for a service."""
    marks: dict[str, console.Mark] = {"running": "done", "stopped": "idle"}
    line = f"{service.name:<10} {service.state:<8} {service.address} {service.detail}".rstrip()
    console.say(line, to, mark=marks.get(service.state, "failed"))


def show_waiting(waiting: Mapping[str, Mapping[str, str]], to: "Console") -> None:
    """For each product the version that waits for an approver, with what the approver needs."""
    for product, version in waiting.items():
        console.heading(f"{product}: version {version['version']} waits for an approver", to)
        for name in ("reason", "model_card", "approve", "reject"):
            console.say(f"  {name.replace('_', ' ')}: {version[name]}", to)


def show_retraining(states: "Mapping[str, RetrainState]", to: "Console") -> None:
    """For each product what was recorded last of its retraining, and whether the last one helped."""
    for product, state in states.items():
        recorded, helped = state.recorded, state.helped
        if recorded is not None:
            console.heading(f"{product}: retraining on {recorded.day}: {recorded.action}", to)
            for reason in recorded.reasons[:_REASONS]:
                console.say(f"  {reason}", to)
        if helped is not None:
            console.heading(f"{product}: the last retraining: {helped.action}", to)
            for reason in helped.reasons:
                console.say(f"  {reason}", to)


def services_json(found: Sequence["ServiceStatus"]) -> dict[str, Any]:
    """The JSON object of `up`, `down` and `status`."""
    return {"services": [vars(service) for service in found]}


def show_elsewhere(
    here: Sequence[str], elsewhere: "Sequence[Dependency]", problems: "Mapping[Dependency, str]", to: "Console"
) -> None:
    """What `up` starts on this machine, and a line for each server that must run elsewhere."""
    console.say(f"starts here: {', '.join(here)}; these servers must run already, and are not started:", to)
    for one in elsewhere:
        if one in problems:
            console.say(f"{problems[one]}: {one.remedy}", to, mark="warning")
        else:
            console.say(f"{one.name:<18} {one.place}", to, mark="done")


def elsewhere_json(
    elsewhere: "Sequence[Dependency]", problems: "Mapping[Dependency, str]"
) -> list[dict[str, str | None]]:
    """Those servers in the JSON object of `up`; `problem` is null for a server that answers."""
    return [
        {"name": one.name, "place": one.place, "variable": one.variable, "problem": problems.get(one)}
        for one in elsewhere
    ]
