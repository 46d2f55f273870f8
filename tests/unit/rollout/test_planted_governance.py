"""Faults planted in a version's way to the customers, each refused by its name."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.bundle.bundle import BundleError
from assets.bundle.registration import Approval, Registration
from assets.bundle.released import released_bundle
from assets.governance.anchors import HEAD_TAG
from assets.product import Rollout, Step, Verdict
from assets.rollout.by_hand import MoveRefused, asked
from assets.rollout.moves import Who, begun
from assets.rollout.permits import Approvals
from assets.rollout.steps import Signals
from assets.rollout.steward import Look, stewarded
from tests.support.models.evaluated_bundle import NOW, PRODUCT
from tests.support.models.registered import AUTHOR, RegisteredHome, flip
from tests.unit.rollout.test_deployment import deployed, refused

CANARY = Rollout(steps=(Step(0.0, 1, timedelta(0)), Step(0.25, 1, timedelta(0)), Step(0.5, 1, timedelta(0))), guards=())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RegisteredHome:
    """Version 1 decides; version 2 was compared with it."""
    home = RegisteredHome(tmp_path_factory.mktemp("made") / "home")
    home.register()
    home.approve("1")
    deployed(home, "1")
    home.register(compared_with="1")
    return home


@pytest.fixture
def home(made: RegisteredHome, tmp_path: Path) -> RegisteredHome:
    return RegisteredHome(Path(shutil.copytree(made.home, tmp_path / "home")))


def answer(home: RegisteredHome, version: str = "2", **terms: Any) -> None:
    """An approval as `loopline approve` leaves it, with what a test plants in it."""
    given = Approval(
        **{"version": version, "answer": "approve", "by": "Ada Risk", "reason": "fine", "at": NOW, **terms}
    )
    entry = home.keeper.audit.append(
        actor=given.by, action="approve", product="loans", version=version, reason=given.reason, at=given.at,
        details=given.details,
    )  # fmt: skip
    given = replace(given, entry=given.entry or entry.hash)
    earlier = len(Approval.all_from_tags(home.keeper.tracking.version("loans", version).tags))
    home.keeper.tracking.annotate("loans", version, given.to_tags(earlier=earlier))


def edited(home: RegisteredHome, version: str, **change: Any) -> None:
    """The newest answer on a version, changed on MLflow's pages."""
    tags = home.keeper.tracking.version("loans", version).tags
    number = Approval.newest_number(tags)
    changed = replace(Approval.all_from_tags(tags)[-1], **change)
    home.keeper.tracking.annotate("loans", version, changed.to_tags(earlier=number - 1))


def by_hand(home: RegisteredHome, alias: str, version: str | None) -> None:
    """What a person does on MLflow's pages."""
    client = home.keeper.tracking._client
    if version is None:
        client.delete_registered_model_alias("loans", alias)
    else:
        client.set_registered_model_alias("loans", alias, version)


def test_a_tampered_file_that_is_whole_nowhere_is_refused(home: RegisteredHome) -> None:
    answer(home)
    flip(home.published("2") / "policy.json")
    flip(home.registry_copy("2") / "policy.json")
    said = refused(home, "2")
    assert "loans version 2 is whole nowhere" in said
    assert "policy.json" in said
    assert home.decides == "1"


def test_a_stale_approval_is_refused(home: RegisteredHome) -> None:
    answer(home, until=NOW + timedelta(days=1))
    said = deployed(home, "2")["waiting"]["reason"]
    assert "Ada Risk's approval of 2026-05-01 is stale: it held until 2026-05-02" in said
    assert home.decides == "1"


def test_an_approval_that_was_written_into_the_registry_by_hand_is_refused(home: RegisteredHome) -> None:
    answer(home, entry="ab" * 32)
    said = deployed(home, "2")["waiting"]["reason"]
    assert "the approval by Ada Risk of 2026-05-01 is not in the audit log: it was written or changed by hand" in said
    assert home.decides == "1"


@pytest.mark.parametrize(
    "change", [{"max_share": None}, {"until": None}, {"by": "Bea"}, {"account": ""}, {"conditions": ()}, {"at": NOW}]
)
def test_an_approval_whose_terms_were_changed_by_hand_is_refused(home: RegisteredHome, change: dict[str, Any]) -> None:
    later = NOW + timedelta(hours=1)
    answer(
        home,
        at=later,
        max_share=0.25,
        until=later + timedelta(days=9000),
        account="ada",
        conditions=("watch the young",),
    )
    edited(home, "2", **change)
    assert "is not in the audit log: it was written or changed by hand" in deployed(home, "2")["waiting"]["reason"]
    assert home.decides == "1"


def test_an_approval_of_another_version_is_none_of_this_one(home: RegisteredHome) -> None:
    """The hash of an entry of the log, which is about version 1."""
    entry = next(one for one in home.keeper.audit.entries() if (one.action, one.version) == ("approve", "1"))
    forged = Approval(version="2", answer="approve", by=entry.actor, reason=entry.reason, at=entry.at, entry=entry.hash)
    home.keeper.tracking.annotate("loans", "2", forged.to_tags(earlier=0))
    assert "is not in the audit log" in deployed(home, "2")["waiting"]["reason"]
    assert home.decides == "1"


def test_a_rejection_whose_tag_was_deleted_still_stands(home: RegisteredHome) -> None:
    audit = home.keeper.audit
    audit.append(actor="Bea", action="reject", product="loans", version="2", reason="May is wrong", at=NOW)
    answer(home)
    assert "refuse: Bea rejected it: May is wrong" in refused(home, "2")
    state = home.keeper.state("loans")
    with pytest.raises(MoveRefused, match="loans version 2: Bea rejected it: May is wrong"):
        asked(home.keeper, "loans", "start", by="Cem", reason="now", at=NOW, version="2", policy=CANARY)
    assert home.keeper.state("loans") == state


@pytest.mark.parametrize(
    ("tag", "value", "said"),
    [
        ("author", "eve", f"loopline.author in MLflow says 'eve', the audit log says '{AUTHOR}'"),
        ("digest", "ab" * 32, "whole nowhere"),
        ("pins", '{"loans/features": 1}', "loopline.pins in MLflow says"),
        ("metrics", '{"auc": 0.99, "brier": 0.1, "calibration_error": 0.0}', "loopline.metrics in MLflow says"),
        ("compared_with", "7", "loopline.compared_with in MLflow says '7', the signed bundle says '1'"),
    ],
)
def test_a_registration_that_was_changed_by_hand_is_refused(
    home: RegisteredHome, tag: str, value: str, said: str
) -> None:
    answer(home)
    home.keeper.tracking.annotate("loans", "2", {f"loopline.{tag}": value})
    assert said in refused(home, "2")
    assert home.decides == "1"


def test_a_verdict_of_the_gates_that_was_changed_by_hand_is_refused(home: RegisteredHome) -> None:
    """The gates refused version 3, whose tag says that they did not."""
    home.register(compared_with="1", gates="refuse")
    answer(home, version="3")
    home.keeper.tracking.annotate("loans", "3", {"loopline.gates": "promote"})
    said = "the tag loopline.gates in MLflow says 'promote', the signed bundle says 'refuse'"
    assert said in refused(home, "3")
    with pytest.raises(MoveRefused, match=said):
        asked(home.keeper, "loans", "start", by="Cem", reason="now", at=NOW, version="3", policy=CANARY)


def test_a_bundle_of_another_version_or_product_is_refused(home: RegisteredHome) -> None:
    """Signed with the right key and named by its digest, but copied to another version's place."""
    answer(home)
    first = home.keeper.release("loans", "1")
    for place in (home.published("2"), home.registry_copy("2")):
        shutil.rmtree(place)
        shutil.copytree(home.published("1"), place)
    home.keeper.tracking.annotate("loans", "2", {"loopline.digest": first.digest})
    assert "is of loans version 1; expected is loans version 2" in refused(home, "2")
    other = home.home / "rollout" / "cards" / "bundles" / "1"
    shutil.copytree(home.published("1"), other)
    with pytest.raises(BundleError, match="is of loans version 1; expected is cards version 1"):
        released_bundle("cards", first, home.keeper.rollout, home.keeper.key)


def test_the_author_is_no_approver(home: RegisteredHome) -> None:
    answer(home, by=AUTHOR.upper())
    assert f"{AUTHOR.upper()} trained it and may not approve it" in deployed(home, "2")["waiting"]["reason"]
    answer(home, account=AUTHOR)
    assert "Ada Risk trained it and may not approve it" in deployed(home, "2")["waiting"]["reason"]
    assert home.decides == "1"


def test_a_worse_challenger_is_refused(home: RegisteredHome) -> None:
    answer(home)
    tracking = home.keeper.tracking
    record = Registration.from_tags(tracking.version("loans", "2").tags)
    worse = replace(record, gates="refuse", gate_reasons=("champion_comparison: it earns less than version 1",))
    tracking.annotate("loans", "2", worse.to_tags())
    assert "refuse: gates refused it: champion_comparison: it earns less than version 1" in refused(home, "2")
    assert home.decides == "1"


@pytest.mark.parametrize(("alias", "version"), [("champion", "2"), ("challenger", "2"), ("champion", None)])
def test_an_alias_moved_by_hand_is_taken_back_and_recorded(
    alias: str, version: str | None, home: RegisteredHome
) -> None:
    by_hand(home, alias, version)
    (moved,) = home.keeper.tracking.moved_by_hand("loans")
    assert (moved.alias, moved.version) == (alias, version)
    repaired = deployed(home, "1")["repaired"]
    assert f"the alias {alias} was {'removed' if version is None else 'moved to version 2'} by hand" in repaired[0]
    assert (home.decides, home.alias) == ("1", "1")
    entry = list(home.keeper.audit.entries())[-1]
    assert (entry.action, entry.details["found"]) == ("alias_restored", version)
    assert entry.details["restored"] == ("1" if alias == "champion" else None)
    assert home.keeper.tracking.moved_by_hand("loans") == ()
    assert home.keeper.tracking.model_tags("loans")[HEAD_TAG] == f"{entry.number} {entry.hash}"
    assert deployed(home, "1")["repaired"] == []


def test_an_alias_given_by_hand_deploys_no_version_that_never_passed(tmp_path: Path) -> None:
    """Without a rollout state the alias was once taken for the champion, and no verdict was asked for."""
    home = RegisteredHome(tmp_path / "home")
    home.register()
    by_hand(home, "champion", "1")
    found = deployed(home, "1")
    assert "waits for an approver" in found["waiting"]["reason"]
    assert (
        "the alias champion was moved to version 1 by hand; the rollout state says that no version has it"
        in (found["repaired"][0])
    )
    assert (home.decides, home.alias) == (None, None)
    home.approve("1")
    deployed(home, "1")
    assert (home.decides, home.alias) == ("1", "1")


def test_a_lost_state_is_written_again_by_the_log_and_not_by_an_alias(home: RegisteredHome) -> None:
    shutil.rmtree(home.home / "rollout" / "loans" / "evidence", ignore_errors=True)
    (home.home / "rollout" / "loans" / "manifest.json").unlink()
    by_hand(home, "champion", "2")
    deployed(home, "1")
    assert (home.decides, home.alias) == ("1", "1")
    assert [one.action for one in home.keeper.audit.entries()][-1] == "alias_restored"


def test_a_move_by_hand_needs_an_approval_for_its_share(home: RegisteredHome) -> None:
    keeper, product = home.keeper, replace(PRODUCT, rollout=CANARY)
    environment = home.environment.model_copy(update={"sandbox": False})
    permit = Approvals(product, keeper.tracking, keeper.audit, environment).permit(NOW + timedelta(days=1))

    def move(action: Any, version: str | None = None) -> None:
        asked(keeper, "loans", action, by="Bea", reason="now", at=NOW, version=version, policy=CANARY, permit=permit)

    with pytest.raises(MoveRefused, match="loans version 2 may not decide for a share of 0%: 0 of 1 approvers"):
        move("start", "2")
    answer(home, max_share=0.25)
    move("start", "2")
    move("advance")
    for action, share in (("advance", "50%"), ("promote", "100%")):
        with pytest.raises(
            MoveRefused, match=f"a share of {share}: Ada Risk approved it only up to a share of 25%; 0 of 1"
        ):
            move(action)
    answer(home, by="Cem")
    move("advance")
    move("promote")
    assert home.decides == "2"


def test_an_author_that_was_changed_by_hand_stops_a_rollout_under_way(home: RegisteredHome) -> None:
    """After the start: the next step asks again who trained it."""
    keeper, product = home.keeper, replace(PRODUCT, rollout=CANARY)
    environment = home.environment.model_copy(update={"sandbox": False})
    permit = Approvals(product, keeper.tracking, keeper.audit, environment).permit(NOW + timedelta(days=1))
    answer(home)
    assert permit("2", 0.25) == ""
    keeper.tracking.annotate("loans", "2", {"loopline.author": "eve"})
    assert f"loopline.author in MLflow says 'eve', the audit log says '{AUTHOR}'" in permit("2", 0.5)


def test_the_steward_asks_a_person_where_an_approval_ends(
    home: RegisteredHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next step's evidence is there; its share is more than was approved."""
    keeper = home.keeper
    state = keeper.state("loans")
    assert state is not None
    keeper.apply(begun(state, (keeper.release("loans", "2"),), CANARY, Who("Ada", "go", NOW)))
    answer(home, max_share=0.2)
    environment = home.environment.model_copy(update={"sandbox": False})
    permit = Approvals(PRODUCT, keeper.tracking, keeper.audit, environment).permit(NOW)
    ready = lambda store, product, now, late=None: Look(  # noqa: E731
        keeper.state("loans"), Signals(requests={}, evidence={}), Verdict("advance", ("all is there",)), "2"
    )
    monkeypatch.setattr("assets.rollout.steward.look", ready)
    found = stewarded(keeper, "loans", NOW, permit=permit)
    assert found.moved is not None
    assert (found.verdict.action, found.moved.hold) == ("pause", "paused")
    assert "Ada Risk approved it only up to a share of 20%" in found.moved.reason
