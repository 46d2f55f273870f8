"""What rollouts must show, by their words alone.

Belongs here: the judgement of ends, races, records and assignments. Does not belong here: making traffic
(`generator.py`), running rollouts (`glue.py`).
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt
from statistics import median
from typing import Literal

LARGE = 6.0  # standard deviations: about 2e-9 by chance
Ending = Literal["rolled_back", "promoted", "paused", "running"]


@dataclass(frozen=True)
class End:
    """How a rollout ended.

    Attributes:
        hours: From its start.
        requests: All requests that the service had answered by then.
        tried: Of these the ones that the challenger scored, silently or as its answer.
        in_time: Whether the step at which it ended was within its deadline.
        reasons: As recorded.
    """

    name: str
    kind: str
    multiple: float
    ending: Ending
    hours: float
    requests: int
    tried: int
    in_time: bool
    reasons: tuple[str, ...] = ()

    @property
    def is_found(self) -> bool:
        """Whether the regression was taken back before its deadline, and for what it is: no luck of a false alarm."""
        signals = ("score", "refusals") if self.kind == "score" else (self.kind,)
        named = any(reason.startswith(f"{signal}:") for reason in self.reasons for signal in signals)
        return self.ending == "rolled_back" and self.in_time and named


def missed(ends: Sequence[End], tolerated: float = 0.01) -> list[str]:
    """The regressions that were not taken back in time, when they are more than tolerated."""
    found = [
        f"{end.name}: {end.ending} after {end.hours:.0f} h, {end.tried} tried: {'; '.join(end.reasons)}"
        for end in ends
        if not end.is_found
    ]
    return found if len(found) > int(tolerated * len(ends)) else []


def false_rollbacks(ends: Sequence[End], tolerated: int = 1) -> list[str]:
    """The rollouts of equal models that were rolled back, when they are more than tolerated."""
    found = [
        f"{end.name}: after {end.hours:.0f} h, {end.tried} tried: {'; '.join(end.reasons)}"
        for end in ends
        if end.ending == "rolled_back"
    ]
    return found if len(found) > tolerated else []


def table(ends: Sequence[End]) -> str:
    """A line for each kind and effect: share found, median and worst of requests."""
    lines = ["kind        effect   found    tried: median     worst    all requests: median   worst   other ends"]
    for kind, multiple in sorted({(end.kind, end.multiple) for end in ends}):
        group = [end for end in ends if (end.kind, end.multiple) == (kind, multiple)]
        tried = [end.tried for end in group if end.is_found] or [0]
        requests = [end.requests for end in group if end.is_found] or [0]
        others = Counter(end.ending for end in group if not end.is_found)
        lines.append(
            f"{kind:<12}{multiple:>5.1f}{sum(end.is_found for end in group):>5}/{len(group):<5}{median(tried):>13.0f}"
            f"{max(tried):>10}{median(requests):>20.0f}{max(requests):>10}   {dict(others) or ''}"
        )
    return "\n".join(lines)


@dataclass(frozen=True)
class Write:
    """A step of a state as one who raced for it saw it: the generation that he read, and whether he was told he won."""

    by: str
    read: int
    won: bool
    step: str


def race_faults(
    writes: Sequence[Write],
    first: int,
    last: int,
    final_step: str,
    audited: Sequence[Hashable],
    expected: Set[Hashable],
) -> list[str]:
    """Each generation has one winner, none is skipped, the last state is the last winner's, the log has each once.

    Args:
        writes: All that were tried, in any order.
        first, last: Generation before the race, and after it.
        final_step: What the state says after it.
        audited: A key for each entry of the audit log that the race made; `expected` are the keys it must have.
    """
    won = [write for write in writes if write.won]
    faults = [f"{count} winners over generation {g}" for g, count in Counter(w.read for w in won).items() if count > 1]
    if sorted(write.read for write in won) != list(range(first, last)):
        faults.append(f"generations {first} to {last}, but won were {sorted(write.read for write in won)}")
    if won and (best := max(won, key=lambda write: write.read)).step != final_step:
        faults.append(f"the state says {final_step}, but the last winner ({best.by}) wrote {best.step}")
    if not won:
        faults.append("nobody won")
    counted = Counter(audited)
    faults += [f"audit log: {count} times {key}" for key, count in counted.items() if count > 1]
    faults += [f"audit log: nothing of {key}" for key in expected - set(counted)]
    faults += [f"audit log: {key}, which did not happen" for key in set(counted) - expected]
    return faults


@dataclass(frozen=True)
class Records:
    """Who has which role by one record; None for nobody."""

    champion: str | None
    challenger: str | None


def agreement_faults(
    state: Records, generations: Sequence[int], others: Mapping[str, Records], audited: Sequence[int], serves: Set[str]
) -> list[str]:
    """State, aliases, audit log and service say the same.

    Args:
        generations: All that the state had, oldest first.
        others: Other records of roles (aliases, the service) by their names.
        audited: The generation of each entry of the audit log about a step of the rollout.
        serves: The versions that the service has loaded.
    """
    faults = [f"{name} has {record}, the state {state}" for name, record in others.items() if record != state]
    if list(generations) != list(range(1, len(generations) + 1)):
        faults.append(f"the state has the generations {list(generations)}")
    if sorted(audited) != sorted(generations):
        faults.append(f"the audit log has the generations {sorted(audited)}, the state {list(generations)}")
    if wanted := {v for v in (state.champion, state.challenger) if v} - serves:
        faults.append(f"the service has not loaded {sorted(wanted)}")
    return faults


def assignment_faults(arms: Mapping[float, Sequence[bool]], other: Mapping[float, Sequence[bool]]) -> list[str]:
    """Whoever has the challenger keeps it while the share grows; another rollout has others; shares are kept.

    Args:
        arms: By share: for each entity, whether the challenger decides.
        other: The same entities in another rollout, by the same shares.
    """
    faults = []
    for small, great in pairwise(sorted(arms)):
        lost = sum(had and not has for had, has in zip(arms[small], arms[great], strict=True))
        faults += [f"{lost} entities left the challenger between {small} and {great}"] if lost else []
    for name, assigned in (("one", arms), ("another", other)):
        for share, has in assigned.items():
            bound = ceil(LARGE * sqrt(len(has) * share * (1.0 - share)))
            if abs(sum(has) - len(has) * share) > bound:
                faults.append(f"rollout {name}: {sum(has)} of {len(has)} at share {share}, bound {bound}")
    for share, has in arms.items():
        both = sum(one and two for one, two in zip(has, other[share], strict=True))
        bound = ceil(LARGE * sqrt(len(has) * share**2 * (1.0 - share**2)))
        if abs(both - len(has) * share**2) > bound:
            faults.append(f"share {share}: {both} of {len(has)} entities in both rollouts, independent within {bound}")
    return faults
