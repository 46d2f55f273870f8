"""Manifests: what is refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from resources.rollout_store.manifest import Challenger, RolloutError, RolloutManifest
from tests.unit.resources.rollout_store.samples import DIGEST, FIRST, release

LATER = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b"null", FIRST.to_json().replace(DIGEST.encode(), b"xyz"), FIRST.to_json() + b"}"],
)
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(RolloutError):
        RolloutManifest.from_json(text)


def test_shares_and_stages_that_contradict_each_other_are_refused() -> None:
    second = release("2")
    with pytest.raises(RolloutError, match="share"):
        Challenger(release=second, share=1.5)
    with pytest.raises(RolloutError, match="sum to more than 1"):
        replace(FIRST, challengers=(Challenger(release=second, share=0.6), Challenger(release=release("3"), share=0.6)))
    with pytest.raises(RolloutError, match="challenger twice"):
        replace(FIRST, challengers=(Challenger(release=second, share=0.1), Challenger(release=second, share=0.2)))
    with pytest.raises(RolloutError, match="stage 'canary' does not go with"):
        replace(FIRST, stage="canary")
    with pytest.raises(RolloutError, match="hold is 'stopped'"):
        replace(FIRST, hold="stopped")


def test_a_state_of_older_code_is_read() -> None:
    older = json.loads(FIRST.to_json())
    for name in ("challengers", "former", "rollout", "stage", "step", "since", "hold", "plan", "action", "subject",
                 "details", "earlier"):  # fmt: skip
        del older[name]
    older |= {"challenger": {"version": "2", "digest": release("2").digest}, "challenger_share": 0.25}
    found = RolloutManifest.from_json(json.dumps(older).encode())
    assert found == replace(FIRST, challengers=(Challenger(release=release("2"), share=0.25),))


def test_each_change_is_one_more_generation_and_remembers_those_before() -> None:
    begun = FIRST.changed(
        "start", by="steward", reason="gates passed", at=LATER, subject="2", rollout="credit_risk-2", stage="shadow",
        shadow=release("2"), since=LATER,
    )  # fmt: skip
    paused = begun.changed("pause", by="Ada", reason="holiday", at=LATER, subject="2", hold="paused")
    assert [(move.generation, move.action, move.version) for move in paused.moves] == [
        (1, "promote", "1"), (2, "start", "2"), (3, "pause", "2"),
    ]  # fmt: skip
    assert RolloutManifest.from_json(paused.to_json()) == paused
    assert (paused.candidate, dict(paused.roles)["shadow"]) == (release("2"), release("2"))
