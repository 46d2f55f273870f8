"""The live bundles of one product, and what follows from them together.

Belongs here: the choice of the bundle that decides a request, the columns of posted events. Does not belong here:
loading and swapping bundles (`watcher.py`), deciding (`engine.py`).
"""

import secrets
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from assets.bundle.contract import PostedRules, Route, SourceRules
from assets.product.policies.rollout import Rollout
from assets.rollout.assignment import CHAMPION, Arm, assigned
from assets.rollout.moves import policy_of
from assets.serving.decision import Assignment
from assets.serving.engine import Engine
from assets.vocabulary.base import WHOLE, WHOLE_KEY
from assets.vocabulary.times import SEQUENCE, TIMES
from resources.rollout_store.manifest import Role, RolloutManifest


@dataclass(frozen=True)
class LiveProduct:
    """The loaded bundles of a product; immutable, replaced whole when its manifest changes.

    Attributes:
        challengers: One for each challenger of the manifest; `None` for one that could not be loaded or was withdrawn:
            the champion decides in its place.
        also_known: The names that requests of these bundles may have.
        policy: The policy under which the rollout began.
    """

    product: str
    manifest: RolloutManifest
    champion: Engine
    challengers: tuple[Engine | None, ...]
    shadow: Engine | None
    loaded_at: datetime
    also_known: frozenset[str] = field(init=False)
    policy: Rollout = field(init=False)

    def __post_init__(self) -> None:
        names = frozenset(name for _, engine in self.engines() for name in engine.shape.columns)
        object.__setattr__(self, "also_known", names)
        object.__setattr__(self, "policy", policy_of(self.manifest))

    def engines(self) -> Iterator[tuple[Role, Engine]]:
        """The loaded bundles with their roles, the champion first."""
        yield "champion", self.champion
        yield from (("challenger", engine) for engine in self.challengers if engine is not None)
        if self.shadow is not None:
            yield "shadow", self.shadow

    def resolutions(self, source: str) -> dict[str, float]:
        """For each exact column of the source, the finest resolution in which a live bundle sums it."""
        finest: dict[str, float] = {}
        for _, engine in self.engines():
            declared = engine.bundle.parts.kernel.resolutions.get(source, {})
            finest |= {column: min(step, finest.get(column, step)) for column, step in declared.items()}
        return finest

    @property
    def event_columns(self) -> dict[str, frozenset[str]]:
        """For each source whose events can be posted, the columns that features of the live bundles read."""
        found: dict[str, frozenset[str]] = {}
        for _, engine in self.engines():
            for need in engine.bundle.parts.kernel.needs:
                key = set() if need.key == WHOLE else {need.key}
                ordering = {SEQUENCE} if need.includes_request and engine.shape.sequence else set()
                found[need.source] = found.get(need.source, frozenset()) | {*TIMES, *key, *need.columns, *ordering}
        return found

    def event_keys(self, source: str) -> frozenset[str]:
        """The columns of the source by whose values features of the live bundles find events."""
        return self._keys(source) - {WHOLE}

    def _keys(self, source: str) -> frozenset[str]:
        needs = (need for _, engine in self.engines() for need in engine.bundle.parts.kernel.needs)
        return frozenset(need.key for need in needs if need.source == source)

    def rules(self, source: str) -> SourceRules | None:
        """The contract of a source in the champion's bundle; None in a bundle without contracts."""
        contract = self.champion.bundle.parts.contract
        return None if contract is None else contract.sources.get(source)

    def taking(self, route: Route) -> tuple[str, SourceRules, PostedRules] | None:
        """The source that takes posts of a route, with its rules, by the champion's contract; `None` without one."""
        contract = self.champion.bundle.parts.contract
        for source, rules in contract.sources.items() if contract is not None else ():
            if rules.posted is not None and rules.posted.route == route:
                return source, rules, rules.posted
        return None

    def stored(self, source: str, event: Mapping[str, object]) -> dict[str, object]:
        """A posted event as the store takes it: without the columns of the contract that no feature reads."""
        rules, read = self.rules(source), self.event_columns[source]
        unread = set() if rules is None else set(rules.columns) - read
        kept = {name: value for name, value in event.items() if name not in unread}
        sequence = self.champion.shape.sequence
        # The store orders the events by a column of its own name, which it fills from the product's.
        if sequence is not None and SEQUENCE in read and SEQUENCE not in kept and sequence in event:
            kept[SEQUENCE] = event[sequence]
        return {**kept, WHOLE: WHOLE_KEY} if WHOLE in self._keys(source) else kept

    def identified(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """The request with a row id of its own, where nothing else in it tells it from another request."""
        row_id = self.champion.shape.row_id
        if self.champion.shape.keys or row_id in request:
            return request
        contract = self.champion.bundle.parts.contract
        rule = None if contract is None else contract.request.columns.get(row_id)
        is_number = rule is not None and rule.type == "integer"
        return {**request, row_id: secrets.randbits(53) if is_number else str(uuid.uuid4())}

    def entity(self, request: Mapping[str, object]) -> list[object]:
        """What an arm is assigned by: the entity keys of an identified request, or its row id where it has none."""
        return [request.get(name) for name in self.champion.shape.keys or (self.champion.shape.row_id,)]

    def choose(self, request: Mapping[str, object]) -> tuple[Engine, Assignment]:
        """The engine that decides an identified request, and how it came to be that one.

        It is the same for the same entity as long as the share does not shrink. Another rollout has other entities on
        the challenger's side.
        """
        arms = tuple(
            Arm(challenger.release.version, challenger.share, engine is not None)
            for challenger, engine in zip(self.manifest.challengers, self.challengers, strict=True)
        )
        number, share = assigned(f"{self.product}/{self.manifest.rollout}", self.entity(request), arms)
        engine = None if number == CHAMPION else self.challengers[number]
        role: Role = "champion" if engine is None else "challenger"
        return engine or self.champion, Assignment(role=role, rollout=self.manifest.rollout, share=share, arms=arms)
