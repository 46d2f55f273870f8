"""Signatures of bundles."""

from pathlib import Path

import pytest

from assets.bundle.bundle import BundleParts
from assets.bundle.files import write_bundle
from assets.bundle.signing import SignatureError


def test_a_short_key_signs_nothing(parts: BundleParts, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="at least 32"):
        write_bundle(parts, tmp_path / "bundle", b"short")
    assert not (tmp_path / "bundle").exists()
