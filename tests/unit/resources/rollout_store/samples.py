"""A rollout manifest, and bundles that it can name."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from resources.rollout_store.manifest import Release, RolloutManifest


def release(version: str) -> Release:
    """The release of what `bundle` writes for a version."""
    return Release(version=version, digest=hashlib.sha256(json.dumps({"version": version}).encode()).hexdigest())


DIGEST = release("1").digest
FIRST = RolloutManifest(
    product="credit_risk",
    champion=release("1"),
    updated_at=datetime(2026, 3, 1, 4, 5, tzinfo=UTC),
    by="gate",
    reason="all gates passed",
)


def bundle(folder: Path, content: str = "1") -> Path:
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"version": content}))
    (folder / "model.onnx").write_bytes(b"\0model " + content.encode())
    return folder
