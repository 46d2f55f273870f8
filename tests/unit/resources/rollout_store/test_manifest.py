"""Manifests: what is refused."""

from dataclasses import replace

import pytest

from resources.rollout_store.manifest import RolloutError, RolloutManifest
from tests.unit.resources.rollout_store.samples import DIGEST, FIRST


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b"null", FIRST.to_json().replace(DIGEST.encode(), b"xyz"), FIRST.to_json() + b"}"],
)
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(RolloutError):
        RolloutManifest.from_json(text)


def test_a_share_needs_a_challenger() -> None:
    with pytest.raises(RolloutError, match="challenger_share"):
        replace(FIRST, challenger_share=0.5)
    with pytest.raises(RolloutError, match="challenger_share"):
        replace(FIRST, challenger=FIRST.champion, challenger_share=1.5)
