"""The parts of a bundle and the checks that they agree."""

from dataclasses import replace

import pytest

from assets.bundle.bundle import BundleError, BundleParts
from tests.support.models.serving_samples import REQUEST, sample_parts


def test_parts_that_contradict_each_other_are_refused(parts: BundleParts) -> None:
    with pytest.raises(BundleError, match="reasons for"):
        replace(parts, policy=replace(parts.policy, reasons={"colour": "too red"}))
    with pytest.raises(BundleError, match="scorecard's columns"):
        replace(parts, scorecard=replace(parts.scorecard, columns=parts.scorecard.columns[::-1]))
    with pytest.raises(BundleError, match="different words"):
        replace(parts.policy, accept="decline")
    with pytest.raises(BundleError, match="finite"):
        replace(parts.policy, threshold=float("nan"))
    with pytest.raises(BundleError, match="is not a name"):
        replace(parts, product="../loans")


def test_samples_make_different_models() -> None:
    assert sample_parts("2", seed=2).model != sample_parts("2", seed=1).model
    assert "customer_id" in REQUEST
