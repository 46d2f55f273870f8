"""Decisions across three rollouts, with rules and exploration, made again by `loopline replay`: the same to the bit.

Every day 200; with LOOPLINE_CAMPAIGN=1 10,000. One rollout goes from shadow to champion, one is rolled back, one is an
A/B test of two versions. The arm and the share of each decision are derived again from the states of the rollout.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import pipelines.operations.decisions.replay  # noqa: F401 - imported before requests are under way: it takes seconds
from assets.bundle.bundle import BundleParts
from assets.product import Compare, IsNull, Rollout, Rule, Step
from assets.rollout.assignment import CHAMPION, arm_of
from pipelines.products import load_product
from resources.lake import Lake
from resources.rollout_store.manifest import RolloutManifest
from tests.campaigns.service.home import PRODUCT, Home, policy, running
from tests.campaigns.service.judge import lines_of, log_faults, lost
from tests.campaigns.service.traffic import Sent, Traffic, entity_of, sent_in
from tests.support.processes.in_process import answer_of

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
DECISIONS = 10_000 if CAMPAIGN else 200
PHASES = 6
ENTITIES = 200 if CAMPAIGN else 20
THRESHOLD, REFER_FROM = 0.5, 0.4

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if CAMPAIGN else 300)]


def rule(name: str, kind: Any, when: Any, **fields: Any) -> Rule:
    return Rule(
        id=name, kind=kind, when=when, reason=f"Because of {name}", owner="policy@bank.example",
        valid_from=date(2026, 1, 1), **fields,
    )  # fmt: skip


RULES = (
    rule("too_large", "knock_out", Compare("amount", ">", 18_500)),
    rule("unusual", "knock_out", Compare("amount", "<", 1_000), outcome="refer"),
    rule("above_income", "limit", Compare("amount", ">", 5, per="income_monthly")),
    rule("seldom_seen", "refer", Compare("applications_180d", ">=", 18), outcome="refer"),
    rule("no_score", "limit", IsNull("bureau_score"), mode="shadow"),
)
OF_REQUEST: Mapping[str, Any] = {
    "too_large": lambda inputs: inputs["amount"] > 18_500,
    "unusual": lambda inputs: inputs["amount"] < 1_000,
    "above_income": lambda inputs: inputs["amount"] / inputs["income_monthly"] > 5,
}
"""The rules that the request alone decides, in words of this test."""


def with_rules(parts: BundleParts, shift: float = 0.0) -> BundleParts:
    """Three answers, exploration and rules; a shift of the scores makes another model."""
    changed = replace(
        parts.policy, threshold=THRESHOLD, refer="review", refer_threshold=REFER_FROM, exploration=0.25,
        explore_by="accept",
    )  # fmt: skip
    calibration = replace(parts.calibration, intercept=parts.calibration.intercept + shift)
    return replace(parts, rules=(*load_product(PRODUCT).rules, *RULES), policy=changed, calibration=calibration)


@dataclass(frozen=True)
class Made:
    """All decisions, as they were answered and as they were logged."""

    home: Home
    sent: list[Sent]
    lines: list[dict[str, Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("replayed")
    # Half of those that come back have a history.
    known = sorted({entity_of(2 * number, ENTITIES) for number in range(ENTITIES // 2)})
    with running(folder / "home", entities=known) as home:
        write(home)
        sent = list(phases(home, folder))
        yield Made(home, sent, list(lines_of(home.workspace.environment.decision_log, PRODUCT)))


def write(home: Home) -> None:
    """The lake's valid rows, a partition a day of `known_at`."""
    for source, events in home.events.items():
        day = events["known_at"].cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
        first, last = pc.min(day).as_py(), pc.max(day).as_py()
        every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        Lake(home.workspace.environment.lake).replace(
            f"{PRODUCT}/validated_{source}", events.append_column("day", day), days=every
        )


def phases(home: Home, folder: Path) -> Iterator[Sent]:
    """Requests under each state of the three rollouts."""
    champion, promoted, gone, *both = (
        home.publish(lambda parts, shift=shift: with_rules(parts, shift)) for shift in (0.0, 0.2, 0.4, -0.3, 0.3)
    )
    home.promote(champion)
    steps = (Step(0.0, 10**7, timedelta(0)), Step(0.25, 10**7, timedelta(0)))
    moves = (
        lambda: home.begin((promoted,), blind(steps=steps)),
        home.advance,
        lambda: home.promote(promoted),
        lambda: home.begin((gone,), blind(steps=(Step(0.5, 10**7, timedelta(0)),))),
        home.end,
        lambda: home.begin(
            both, blind(strategy="ab_test", share=0.6, hypothesis="they are equal", smallest_effect=0.01)
        ),
    )
    for number, move in enumerate(moves):
        move()
        home.wait_until(home.is_followed, f"move {number}")
        file = folder / f"sent-{number}"
        count = DECISIONS // PHASES + (DECISIONS % PHASES if number == 0 else 0)
        plan = home.plan(
            seconds=600.0, most=count, connections=4, entities=ENTITIES, file=str(file), first=number * 1_000_000
        )
        with Traffic(plan) as traffic:
            traffic.told()
        yield from sent_in(file)


def blind(**changes: Any) -> Rollout:
    """Its guards let the versions differ."""
    return policy(guards=(), **changes)


def test_every_decision_replays_exactly(made: Made) -> None:
    """Those that were answered, and those of the shadow."""
    assert lost(made.sent) == {}
    assert (len(made.sent), log_faults(made.sent, made.lines)) == (DECISIONS, [])
    environment = made.home.workspace.environment
    days = sorted(folder.name for folder in (environment.decision_log / PRODUCT).iterdir())
    variables = {"LOOPLINE_HOME": str(environment.home)}
    told = Counter[str]()
    for day in days:
        answer = answer_of(["replay", PRODUCT, "--day", day, "--json"], variables)
        assert answer.status == 0, answer.people
        told += Counter({name: answer.told[name] for name in ("decisions", "identical", "different", "waiting")})
    assert told == Counter(decisions=len(made.lines), identical=len(made.lines))
    shadows = [line for line in made.lines if line["role"] == "shadow"]
    assert len(made.lines) == DECISIONS + len(shadows)


def test_every_arm_and_share_follows_from_the_states_of_the_rollout(made: Made) -> None:
    possible: dict[str, list[RolloutManifest]] = {}
    for _, state in made.home.states:
        possible.setdefault(state.rollout, []).append(state)
    wrong = [
        line for line in made.lines if not any(_as_assigned(line, state) for state in possible.get(line["rollout"], []))
    ]
    assert wrong == []
    roles = Counter((line["rollout"], line["role"], line["bundle"]) for line in made.lines)
    print(f"\n{dict(roles)}")
    assert len({rollout for rollout, role, _ in roles if rollout and role != "champion"}) == 3
    assert {role for _, role, _ in roles} == {"champion", "challenger", "shadow"}


def _as_assigned(line: Mapping[str, Any], state: RolloutManifest) -> bool:
    """Whether the state gives the entity that arm, bundle and share."""
    found = (line["role"], line["digest"], line["share"])
    if line["role"] == "shadow":
        return state.shadow is not None and found == ("shadow", state.shadow.digest, 1.0)
    shares = [one.share for one in state.challengers]
    arm = arm_of(f"{PRODUCT}/{state.rollout}", [line["keys"]["customer_id"]], shares)
    if arm == CHAMPION:
        return found == ("champion", state.champion.digest, 1.0 - sum(shares))
    return found == ("challenger", state.challengers[arm].release.digest, shares[arm])


def test_every_outcome_follows_from_score_rules_and_exploration(made: Made) -> None:
    """By the words of the product's rules: the severest answer counts; an explored row is let past its score."""
    wrong = [line for line in made.lines if line["outcome"] != _outcome(line)]
    assert wrong == []
    fired = [
        (name, line["decision_id"])
        for line in made.lines
        for name, holds in OF_REQUEST.items()
        if _is_asked(name, line) and holds(line["inputs"]) != (name in line["rules"])
    ]
    assert fired == []
    assert {line["outcome"] for line in made.lines} == {"approve", "decline", "review"}
    assert any(line["explored"] for line in made.lines)
    assert {name for line in made.lines for name in line["rules"]} >= set(OF_REQUEST)
    assert any(line["shadow_rules"] for line in made.lines)


def _is_asked(name: str, line: Mapping[str, Any]) -> bool:
    """Where a knock-out fired, no later rule was asked."""
    knocked = [one for one in line["rules"] if one in ("too_large", "unusual")]
    return not knocked or name in knocked


def _outcome(line: Mapping[str, Any]) -> str:
    outcomes = {one.id: one.outcome for one in (*load_product(PRODUCT).rules, *RULES)}
    by_rules = {outcomes[name] for name in line["rules"]}
    score = line["score"]
    by_score = "accept"
    if score is not None and not line["explored"]:
        by_score = "refuse" if score >= THRESHOLD else "refer" if score >= REFER_FROM else "accept"
    severest = next(one for one in ("refuse", "refer", "accept") if one in {*by_rules, by_score})
    return {"accept": "approve", "refuse": "decline", "refer": "review"}[severest]
