"""A bundle as a folder that scores by itself: graph, runner, settings, samples, a signed manifest.

Belongs here: the files of the folder. Does not belong here: the graph (`graph.py`), the runner (`score.py`), the
variants (`variants.py`).

The folder takes rows of features, as the feature table has them; it computes no features from events, and has no
fallback. Reasons in words stay with the decision service.
"""

import json
import os
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assets.bundle.answers import ACCEPT, REFER, REFUSE, word_of
from assets.bundle.bundle import Bundle
from assets.bundle.rules import rules_record
from assets.bundle.signing import digest, sign
from assets.edge import score
from assets.edge.graph import kind_of, whole_graph
from assets.edge.samples import sample_rows
from assets.edge.variants import Variant, variant_of
from assets.serving.engine import Engine
from resources.durable_files import write_synced
from resources.errors import LooplineError

FORMAT = 1


class EdgeError(LooplineError):
    """The folder cannot be written; the message says why."""


def export_model(bundle: Bundle, folder: Path, key: bytes, variant: Variant) -> str:
    """Writes the folder, which appears complete or not at all; returns the SHA-256 of its manifest.

    Args:
        folder: Must not exist yet.
        key: The signing key.

    Raises:
        EdgeError: The folder exists, or its parent does not.
    """
    if folder.exists():
        raise EdgeError(f"{folder} exists already; name a folder that does not")
    if not folder.parent.is_dir():
        raise EdgeError(f"there is no folder {folder.parent}; create it first")
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        files = _files(bundle, variant)
        for name, data in files.items():
            write_synced(fresh / name, data)
        # The samples last: of a variant their scores are those that the runner gives here.
        files["samples.json"] = _samples(bundle, fresh, variant)
        manifest = _manifest(bundle, variant, files)
        for name, data in (
            ("samples.json", files["samples.json"]), ("manifest.json", manifest),
            ("signature", sign(manifest, key).encode()),
        ):  # fmt: skip
            write_synced(fresh / name, data)
        os.chmod(fresh, 0o755)
        os.rename(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return digest(manifest)


def _files(bundle: Bundle, variant: Variant) -> dict[str, bytes]:
    return {
        "model.onnx": whole_graph(bundle.parts, variant_of(bundle.parts.model, variant)),
        "scoring.json": _json(_scoring(bundle)),
        "score.py": Path(score.__file__).read_bytes(),
    }


def _scoring(bundle: Bundle) -> dict[str, Any]:
    """What the runner needs beside the graph."""
    parts, policy, encoder = bundle.parts, bundle.policy, bundle.parts.encoder
    features = [
        {"name": name, "kind": kind_of(encoder, name), "description": parts.kernel.features.describe(name),
         **({"values": list(encoder.categories[name])} if name in encoder.categories else {}),
         **({"buckets": encoder.hashed[name]} if name in encoder.hashed else {})}
        for name in encoder.features
    ]  # fmt: skip
    return {
        "product": bundle.product, "version": bundle.version, "digest": bundle.digest, "features": features,
        "calibration": parts.calibration.to_dict(), "threshold": policy.threshold, "refer_from": policy.refer_from,
        "words": [word_of(policy, answer) for answer in (ACCEPT, REFER, REFUSE)], "scale": policy.scale,
        "row_id": policy.row_id, "exploration": policy.exploration, "explore_by": policy.explore_by,
        "explore_keys": list(policy.explore_keys), **rules_record(parts.rules),
        **({"unit": policy.unit} if policy.unit else {}),
    }  # fmt: skip


def _samples(bundle: Bundle, folder: Path, variant: Variant) -> bytes:
    table = sample_rows(bundle)
    rows = [row | {"as_of": row["as_of"].isoformat()} for row in table.to_pylist()]
    expected = _expected(bundle, table) if variant == "float32" else score.Model(folder).decide(rows)
    return _json({"variant": variant, "rows": rows, "expected": expected})


def _expected(bundle: Bundle, table: pa.Table) -> list[dict[str, Any]]:
    """The answers of the bundle, by the code that decides."""
    found = Engine(bundle, None).score_table(table)
    active = [rule for rule in bundle.parts.rules if rule.mode == "active"]
    hits = {rule.id: found.answers.hits[rule.id] for rule in active}
    return [
        {
            "score": None if np.isnan(one) else float(one), "outcome": found.outcomes[n],
            "rules": [name for name, fired in hits.items() if fired[n]], "explored": bool(found.answers.explored[n]),
        }
        for n, one in enumerate(found.scores)
    ]  # fmt: skip


def _manifest(bundle: Bundle, variant: Variant, files: dict[str, bytes]) -> bytes:
    return _json(
        {
            "format": FORMAT, "product": bundle.product, "version": bundle.version, "bundle": bundle.digest,
            "variant": variant, "made_with": {name: metadata.version(name) for name in ("numpy", "onnxruntime")},
            "files": {name: {"sha256": digest(data), "size": len(data)} for name, data in sorted(files.items())},
        }
    )  # fmt: skip


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode()
