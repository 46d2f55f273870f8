"""Whether the service kept its promises, judged by what its clients saw and by the lines of its decision log.

Belongs here: pure functions from answers, lines and states to faults. Does not belong here: reading the log through the
code under test; its documented layout is enough.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resources.rollout_store.manifest import RolloutManifest
from tests.campaigns.service.traffic import Sent, entity_of

_ANSWERED = ("decision_id", "bundle", "digest", "role", "rollout", "share", "score", "outcome", "decided_at")
_SIGMAS = 5.0


def lines_of(log: Path, product: str) -> Iterator[dict[str, Any]]:
    """Every whole line of the decision log; the rest of a file that a killed process left is no line."""
    for file in sorted((log / product).glob("*/*.jsonl")):
        *lines, rest = file.read_bytes().rstrip(b"\0").split(b"\n")
        for number, line in enumerate(lines, start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise AssertionError(f"{file}, line {number} is no decision: {error}: {line[:200]!r}") from error
        assert not rest or not rest.endswith(b"}"), f"{file}: a whole record without its end: {rest[-100:]!r}"


def lost(sent: Iterable[Sent]) -> Counter[str]:
    """The requests that got no decision, by status and the first words of the answer."""
    return Counter(f"{one.status} {one.body[:80]}" for one in sent if one.status != 200)


def log_faults(sent: Iterable[Sent], lines: Iterable[dict[str, Any]]) -> list[str]:
    """Acknowledged decisions that the log lacks, has twice, or has otherwise."""
    by_id: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        by_id[line["decision_id"]].append(line)
    faults = [f"{name} is in the log {len(found)} times" for name, found in by_id.items() if len(_standing(found)) > 1]
    acknowledged: set[str] = set()
    for one in sent:
        if one.status != 200:
            continue
        answer = one.answer
        name = answer["decision_id"]
        if name in acknowledged:
            faults.append(f"{name} was answered twice")
        acknowledged.add(name)
        found = by_id.get(name, [])
        if not found:
            faults.append(f"{name} was answered and is not in the log")
        elif found[-1]["void"]:
            faults.append(f"{name} was answered and is void")
        else:
            faults += [
                f"{name}: {field} was answered as {answer[field]!r} and logged as {found[0][field]!r}"
                for field in _ANSWERED
                if answer[field] != found[0][field]
            ]
    return faults


def _standing(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines of a decision that are not its withdrawal."""
    return [line for line in found if not line["void"]]


def bundle_faults(
    lines: Iterable[dict[str, Any]], whole: Mapping[str, str], states: Sequence[tuple[float, RolloutManifest]]
) -> list[str]:
    """Decisions by a bundle that was not published whole, or that no state named."""
    named = {release.digest for _, state in states for _, release in state.roles}
    faults = Counter[str]()
    for line in lines:
        where = f"version {line['bundle']} with digest {line['digest'][:12]}"
        if whole.get(line["digest"]) != line["bundle"]:
            faults[f"{where} decided, and is not one that was published whole"] += 1
        elif line["digest"] not in named:
            faults[f"{where} decided, and no state named it"] += 1
    return [f"{fault}: {count} decisions" for fault, count in faults.items()]


@dataclass(frozen=True)
class Stickiness:
    """What the records say of the arms.

    Attributes:
        faults: Entities that changed their arm while the share stayed or grew, and shares that were not kept.
        entities: For each rollout and share of the challenger how many entities were seen, and how many in its arm.
    """

    faults: list[str]
    entities: dict[tuple[str, float], tuple[int, int]]


def stickiness(sent: Iterable[Sent], entities: int) -> Stickiness:
    """Compares the arms of each entity within each rollout, by the share that the challenger had.

    Args:
        entities: Of the plan, by which a request's number gives its entity.
    """
    arms: dict[tuple[str, float], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in sent:
        if one.status == 200 and (answer := one.answer)["rollout"]:
            share = answer["share"] if answer["role"] == "challenger" else 1.0 - answer["share"]
            arms[answer["rollout"], round(share, 9)][entity_of(one.number, entities)].add(answer["role"])
    faults, seen = list[str](), dict[tuple[str, float], tuple[int, int]]()
    challenged: dict[str, set[str]] = defaultdict(set)
    for (rollout, share), of_entity in sorted(arms.items()):
        both = [entity for entity, roles in of_entity.items() if len(roles) > 1]
        inside = {entity for entity, roles in of_entity.items() if "challenger" in roles}
        left = [entity for entity in challenged[rollout] & set(of_entity) if entity not in inside]
        faults += [f"{rollout}, share {share}: {entity} had both arms" for entity in both]
        # Without a loaded challenger the share is 0, and the champion decides for everybody.
        faults += [f"{rollout}, share {share}: {entity} left the challenger while its share grew" for entity in left]
        challenged[rollout] |= inside
        seen[rollout, share] = (len(of_entity), len(inside))
        deviation = math.sqrt(len(of_entity) * share * (1.0 - share))
        if abs(len(inside) - share * len(of_entity)) > _SIGMAS * deviation + 1.0:
            faults.append(f"{rollout}, share {share}: {len(inside)} of {len(of_entity)} entities are the challenger's")
    return Stickiness(faults, seen)


def followed_after(sent: Iterable[Sent], swaps: Sequence[tuple[float, str]]) -> list[float | None]:
    """For each swap the seconds until every process had answered with the new champion, and no more with another.

    `None` where a process never did before the next swap.
    """
    ends = [at for at, _ in swaps[1:]] + [math.inf]
    answers = sorted(
        (one.at + one.milliseconds / 1000, one.port, one.answer["digest"]) for one in sent if one.status == 200
    )
    ports = {port for _, port, _ in answers}
    found: list[float | None] = []
    for (begun, digest), end in zip(swaps, ends, strict=True):
        during = [one for one in answers if begun <= one[0] < end]
        firsts = [min((at for at, of, by in during if of == port and by == digest), default=None) for port in ports]
        known = [first for first in firsts if first is not None]
        found.append(max(known) - begun if len(known) == len(ports) else None)
    return found
