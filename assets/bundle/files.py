"""The files of a bundle: written whole, signed, and verified before any of them is parsed; without pickle.

Belongs here: the folder's layout and every check of its bytes. Does not belong here: the meaning of the parts
(`bundle.py`), keys (`resources.keys`), where a bundle is published (`resources.rollout_store`).

A folder holds the files of `FILES`, those of `OPTIONAL` that its parts have, `manifest.json` (which names each of them
with its size and SHA-256) and `signature` (HMAC-SHA256 of the manifest's bytes). A bundle's digest is the SHA-256 of
the manifest, and so covers every file.
"""

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from assets.bundle.bundle import Bundle, BundleError, BundleParts, Policy, ReasonWords
from assets.bundle.calibration import Calibration, CalibrationError
from assets.bundle.contract import BundleContract
from assets.bundle.encoder import Encoder
from assets.bundle.interval import Interval, IntervalError
from assets.bundle.recourse import recourse_of, recourse_record
from assets.bundle.rules import rules_of, rules_record
from assets.bundle.scorecard import Scorecard, ScorecardError
from assets.bundle.signing import SignatureError, digest, sign, verify
from assets.bundle.usual import UsualValues
from assets.features.kernel.kernel import Kernel
from assets.product.policies.model import ProductError
from assets.vocabulary import FeatureError
from resources.durable_files import write_synced
from resources.naming import is_digest

FORMAT = 1
MANIFEST = "manifest.json"
SIGNATURE = "signature"
FILES = (
    "model.onnx", "booster.ubj", "scorecard.json", "calibration.json", "kernel.json", "encoder.json", "policy.json",
    "reference.json", "metrics.json",
)  # fmt: skip
OPTIONAL = ("contract.json", "rules.json", "usual.json", "recourse.json")
"""Files that bundles without such a part do not have, nor those of earlier versions of this code."""

_LATER: Mapping[str, Any] = {
    "refer": None, "refer_threshold": None, "exploration": 0.0, "explore_by": "accept", "explore_keys": (),
    "unit": "", "interval": None,
}  # fmt: skip
"""Fields of a policy that its record leaves out at these values."""
_LARGEST_MANIFEST = 4 * 2**20
_LARGEST_FILE = 512 * 2**20


@dataclass(frozen=True)
class _FileEntry:
    sha256: str
    size: int

    @classmethod
    def of(cls, data: bytes) -> Self:
        return cls(sha256=digest(data), size=len(data))


# ---------------------------------------------------------------------- writing


def write_bundle(parts: BundleParts, folder: Path, key: bytes) -> str:
    """Writes a signed bundle and returns its digest; the folder appears complete or not at all.

    Args:
        folder: Must not exist yet; a bundle is never changed.
        key: The signing key, at least 32 bytes.

    Raises:
        BundleError: The folder exists, or a part has no JSON form or cannot be read back.
        SignatureError: The key is too short.
    """
    if folder.exists():
        raise BundleError(f"{folder} exists already; a bundle is never changed, write the new one to another folder")
    files = _file_bytes(parts)
    manifest = _manifest_bytes(parts, files)
    contents = {**files, MANIFEST: manifest, SIGNATURE: sign(manifest, key).encode()}
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name, data in contents.items():
            write_synced(fresh / name, data)
        written = load_bundle(fresh, key, digest(manifest))
        os.chmod(fresh, 0o755)
        os.rename(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return written.digest


def _file_bytes(parts: BundleParts) -> dict[str, bytes]:
    return {
        "model.onnx": parts.model,
        "booster.ubj": parts.booster,
        "scorecard.json": _json("scorecard", parts.scorecard.to_dict()),
        "calibration.json": _json("calibration", parts.calibration.to_dict()),
        "kernel.json": _json("kernel", parts.kernel.to_dict()),
        "encoder.json": _json("encoder", parts.encoder.to_dict()),
        "policy.json": _json("policy", _policy_record(parts.policy)),
        "reference.json": _json("reference", parts.reference),
        "metrics.json": _json("metrics", parts.metrics),
        **({} if parts.contract is None else {"contract.json": _json("contract", parts.contract.to_dict())}),
        **({"rules.json": _json("rules", rules_record(parts.rules))} if parts.rules else {}),
        **({} if parts.usual is None else {"usual.json": _json("usual", parts.usual.to_dict())}),
        **({} if parts.recourse is None else {"recourse.json": _json("recourse", recourse_record(parts.recourse))}),
    }


def _policy_record(policy: Policy) -> dict[str, Any]:
    words = {name: asdict(of) if isinstance(of, ReasonWords) else of for name, of in policy.reasons.items()}
    record = asdict(replace(policy, reasons={})) | {"reasons": words}
    # A policy of two answers has the record, and its bundle the digest, of before there were three.
    return {name: value for name, value in record.items() if name not in _LATER or value != _LATER[name]}


def _policy(record: Mapping[str, Any]) -> Policy:
    words = {name: of if isinstance(of, str) else ReasonWords(**of) for name, of in record["reasons"].items()}
    interval = record.get("interval")
    of_amount = {"interval": None if interval is None else Interval.from_dict(interval)}
    keys = tuple(record.get("explore_keys", ()))
    return Policy(**{**record, "reasons": words, "explore_keys": keys, **of_amount})


def _manifest_bytes(parts: BundleParts, files: Mapping[str, bytes]) -> bytes:
    policy = parts.policy
    return _json(
        "manifest",
        {
            "format": FORMAT,
            "product": parts.product,
            "version": parts.version,
            "created_at": parts.created_at.astimezone(UTC).isoformat(),
            "pins": dict(parts.pins),
            "threshold": policy.threshold,
            "outcomes": {
                "accept": policy.accept,
                "refuse": policy.refuse,
                "fallback": policy.fallback,
                **({} if policy.refer is None else {"refer": policy.refer}),
            },
            "files": {name: asdict(_FileEntry.of(data)) for name, data in files.items()},
        },
    )


def _json(name: str, value: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise BundleError(f"{name} is not JSON: {error}; write null for a missing number") from error


# ---------------------------------------------------------------------- loading


def load_bundle(folder: Path, key: bytes, expected_digest: str | None) -> Bundle:
    """Verifies signature, digest and every file, and only then parses.

    Each file is read once, so the parsed bytes are the verified ones.

    Args:
        expected_digest: The digest that the rollout manifest names; `None` trusts the signature alone.

    Raises:
        BundleError: A file is missing, unknown or altered, or this version of the code cannot read it.
    """
    manifest = _read(folder, MANIFEST, _LARGEST_MANIFEST)
    signature = _read(folder, SIGNATURE, 1024)
    try:
        verify(manifest, signature.decode("utf-8", "replace").strip(), key)
    except SignatureError as error:
        raise BundleError(f"bundle {folder}: {error}") from error
    manifest_digest = digest(manifest)
    if expected_digest is not None and manifest_digest != expected_digest:
        raise BundleError(f"bundle {folder} has the digest {manifest_digest}; expected is {expected_digest}")
    return _parsed(folder, manifest, manifest_digest)


def _parsed(folder: Path, manifest: bytes, manifest_digest: str) -> Bundle:
    try:
        head = json.loads(manifest)
        if head["format"] != FORMAT:
            raise BundleError(f"bundle {folder} is of format {head['format']}; this code reads format {FORMAT}")
        files = _verified_files(folder, head["files"])
        parts = BundleParts(
            product=head["product"],
            version=head["version"],
            created_at=datetime.fromisoformat(head["created_at"]),
            pins=head["pins"],
            model=files["model.onnx"],
            booster=files["booster.ubj"],
            scorecard=Scorecard.from_dict(json.loads(files["scorecard.json"])),
            calibration=Calibration.from_dict(json.loads(files["calibration.json"])),
            kernel=Kernel.from_dict(json.loads(files["kernel.json"])),
            encoder=Encoder.from_dict(json.loads(files["encoder.json"])),
            policy=_policy(json.loads(files["policy.json"])),
            reference=json.loads(files["reference.json"]),
            metrics=json.loads(files["metrics.json"]),
            contract=BundleContract.from_dict(json.loads(files["contract.json"])) if "contract.json" in files else None,
            rules=rules_of(json.loads(files["rules.json"])) if "rules.json" in files else (),
            usual=UsualValues.from_dict(json.loads(files["usual.json"])) if "usual.json" in files else None,
            recourse=recourse_of(json.loads(files["recourse.json"])) if "recourse.json" in files else None,
        )
    except (
        ValueError, KeyError, TypeError, AttributeError, FeatureError, CalibrationError, ScorecardError, ProductError,
        IntervalError,
    ) as error:  # fmt: skip
        raise BundleError(f"bundle {folder} is signed but cannot be read by this version: {error!r}") from error
    return Bundle(parts=parts, digest=manifest_digest, size=len(manifest) + sum(map(len, files.values())))


def _verified_files(folder: Path, listed: Mapping[str, Mapping[str, Any]]) -> dict[str, bytes]:
    known = (*FILES, *(name for name in OPTIONAL if name in listed))
    if set(listed) != set(known):
        differing = sorted(set(listed) ^ set(known))
        raise BundleError(f"bundle {folder}: its manifest differs from the known files in {differing}")
    present = set(os.listdir(folder))
    if present != {*known, MANIFEST, SIGNATURE}:
        differing = sorted(present ^ {*known, MANIFEST, SIGNATURE})
        raise BundleError(f"bundle {folder}: files are missing or unknown: {differing}")
    files: dict[str, bytes] = {}
    for name in known:
        entry = _FileEntry(**listed[name])
        if not is_digest(entry.sha256) or not 0 <= entry.size <= _LARGEST_FILE:
            raise BundleError(f"bundle {folder}: the manifest's entry of {name} is not a valid digest and size")
        data = _read(folder, name, entry.size)
        if _FileEntry.of(data) != entry:
            raise BundleError(f"bundle {folder}: {name} is not the file that was signed; publish the bundle again")
        files[name] = data
    return files


def _read(folder: Path, name: str, largest: int) -> bytes:
    """The bytes of a regular file; links are not followed, and at most one byte beyond the limit is read."""
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BundleError(f"bundle {folder}: {name} is not a regular file")
            data = file.read(largest + 1)
    except OSError as error:
        raise BundleError(f"bundle {folder}: {name} cannot be read: {error}") from error
    if len(data) > largest:
        raise BundleError(f"bundle {folder}: {name} is larger than the {largest} bytes that are allowed")
    return data
