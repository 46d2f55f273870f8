"""The bundle: everything that a decision needs, in one folder, signed, without pickle.

Belongs here: its parts, its files, writing it whole, and verifying every byte before anything of it is parsed. Does not
belong here: deciding with it (`engine.py`), where it is published (`resources.rollout_store`).

A folder holds `manifest.json` (which names every other file with its size and SHA-256), `signature` (HMAC-SHA256 of the
manifest's bytes) and the files of `FILES`. Its digest is the SHA-256 of the manifest, and so of everything.
"""

import json
import math
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from assets.bundle.calibration import Calibration, CalibrationError
from assets.bundle.encoder import Encoder
from assets.bundle.scorecard import Scorecard, ScorecardError
from assets.bundle.signing import SignatureError, digest, sign, verify
from assets.features.kernel.kernel import Kernel
from assets.vocabulary import FeatureError
from resources.naming import BadName, checked_name, checked_version, is_digest

FORMAT = 1
MANIFEST = "manifest.json"
SIGNATURE = "signature"
FILES = (
    "model.onnx", "booster.ubj", "scorecard.json", "calibration.json", "kernel.json", "encoder.json", "policy.json",
    "reference.json", "metrics.json",
)  # fmt: skip

_LARGEST_MANIFEST = 4 * 2**20
_LARGEST_FILE = 512 * 2**20


class BundleError(RuntimeError):
    """A bundle cannot be trusted, read or written; the message names the file and what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How a score becomes an outcome, and a request a row.

    Attributes:
        threshold: The lowest probability of the bad outcome that is refused.
        accept, refuse, fallback: The outcomes below the threshold, from it on, and when nothing can score.
        reasons: For a feature its words for the person concerned; without an entry its description is used.
        reasons_shown: How many reasons a refusal names.
        row_id: The request's column that names the row.
        sequence: The request's integer column that orders events of the same microsecond; `None` where ties do not
            matter. The online store's events then have a column `sequence`.
        scale: What the score means.
        max_age_seconds: How long before a decision the events of each source may end.
        when_stale: What becomes of a decision when they end earlier: the fallback, or a refusal.
    """

    threshold: float
    accept: str
    refuse: str
    fallback: str
    reasons: Mapping[str, str]
    reasons_shown: int
    row_id: str
    sequence: str | None = None
    scale: str = "probability of the bad outcome, 0 to 1"
    max_age_seconds: float = 3 * 86_400.0
    when_stale: Literal["fallback", "refuse"] = "fallback"

    def __post_init__(self) -> None:
        if not math.isfinite(self.threshold):
            raise BundleError(f"policy: the threshold is {self.threshold}; it must be a finite number")
        if not all(isinstance(text, str) and text for text in (self.accept, self.refuse, self.fallback, self.row_id)):
            raise BundleError("policy: accept, refuse, fallback and row_id must be texts that are not empty")
        if self.accept == self.refuse:
            raise BundleError(f"policy: accept and refuse are both '{self.accept}'; give them different words")
        if not self.max_age_seconds > 0 or self.when_stale not in ("fallback", "refuse"):
            raise BundleError(
                f"policy: max_age_seconds is {self.max_age_seconds}, when_stale '{self.when_stale}'; write a positive "
                f"number, and 'fallback' or 'refuse'"
            )
        if self.reasons_shown < 0:
            raise BundleError(f"policy: reasons_shown is {self.reasons_shown}; it must not be negative")


@dataclass(frozen=True, kw_only=True)
class BundleParts:
    """What a bundle is made of.

    Attributes:
        pins: What it was made from: code version, table versions, training run; any JSON object.
        model: ONNX, one float32 input [n, encoded columns], output with the probability of the bad outcome.
        booster: The same model as XGBoost UBJ, for the reasons of a refusal; cut to its best iteration.
        scorecard: Decides when the model fails; calibrated in itself.
        calibration: From the model's probability to the one that is compared with the threshold.
        reference: The profile against which live data is monitored; any JSON object.
        metrics: What the model was approved with; any JSON object.
    """

    product: str
    version: str
    created_at: datetime
    pins: Mapping[str, Any]
    model: bytes
    booster: bytes
    scorecard: Scorecard
    calibration: Calibration
    kernel: Kernel
    encoder: Encoder
    policy: Policy
    reference: Mapping[str, Any]
    metrics: Mapping[str, Any]

    def __post_init__(self) -> None:
        try:
            checked_name(self.product, "product")
            checked_version(self.version)
        except BadName as error:
            raise BundleError(str(error)) from error
        if self.created_at.tzinfo is None:
            raise BundleError("created_at has no time zone; give it in UTC")
        if tuple(self.scorecard.columns) != tuple(self.encoder.columns):
            raise BundleError("the scorecard's columns are not the encoder's; fit both on the same matrix")
        unknown = sorted(set(self.policy.reasons) - set(self.kernel.features.names))
        if unknown:
            raise BundleError(f"policy: reasons for {unknown}, which are no features of this bundle")


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle that was verified and parsed; immutable.

    Attributes:
        digest: SHA-256 of its manifest.
        size: Bytes of all its files.
    """

    parts: BundleParts
    digest: str
    size: int

    @property
    def product(self) -> str:
        """The product that it decides for."""
        return self.parts.product

    @property
    def version(self) -> str:
        """Its version within the product."""
        return self.parts.version

    @property
    def policy(self) -> Policy:
        """How a score becomes an outcome."""
        return self.parts.policy


@dataclass(frozen=True)
class _FileEntry:
    sha256: str
    size: int

    @classmethod
    def of(cls, data: bytes) -> Self:
        return cls(sha256=digest(data), size=len(data))


# ---------------------------------------------------------------------- writing


def write_bundle(parts: BundleParts, folder: Path, key: bytes) -> str:
    """Writes a signed bundle and returns its digest; the folder appears whole or not at all.

    Args:
        folder: Must not exist yet; a bundle is never changed.
        key: The signing key, at least 32 bytes.

    Raises:
        BundleError: The folder exists, or a part is no JSON or cannot be read back.
        SignatureError: The key is too short.
    """
    if folder.exists():
        raise BundleError(f"{folder} exists already; a bundle is never changed, write a new one elsewhere")
    files = _file_bytes(parts)
    manifest = _manifest_bytes(parts, files)
    everything = {**files, MANIFEST: manifest, SIGNATURE: sign(manifest, key).encode()}
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name, data in everything.items():
            with open(fresh / name, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
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
        "policy.json": _json("policy", asdict(parts.policy) | {"reasons": dict(parts.policy.reasons)}),
        "reference.json": _json("reference", parts.reference),
        "metrics.json": _json("metrics", parts.metrics),
    }


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
            "outcomes": {"accept": policy.accept, "refuse": policy.refuse, "fallback": policy.fallback},
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

    What is parsed are the very bytes that were verified: no file is opened twice.

    Args:
        expected_digest: The digest that the rollout manifest names; `None` trusts the signature alone.

    Raises:
        BundleError: A file is missing, foreign, altered or no longer what this version of the code reads.
    """
    manifest = _read(folder, MANIFEST, _LARGEST_MANIFEST)
    signature = _read(folder, SIGNATURE, 1024)
    try:
        verify(manifest, signature.decode("utf-8", "replace").strip(), key)
    except SignatureError as error:
        raise BundleError(f"bundle {folder}: {error}") from error
    found = digest(manifest)
    if expected_digest is not None and found != expected_digest:
        raise BundleError(f"bundle {folder} has the digest {found}; {expected_digest} was asked for")
    return _parsed(folder, manifest, found)


def _parsed(folder: Path, manifest: bytes, found: str) -> Bundle:
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
            policy=Policy(**json.loads(files["policy.json"])),
            reference=json.loads(files["reference.json"]),
            metrics=json.loads(files["metrics.json"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, FeatureError, CalibrationError, ScorecardError) as error:
        raise BundleError(f"bundle {folder} is signed but cannot be read by this version: {error!r}") from error
    return Bundle(parts=parts, digest=found, size=len(manifest) + sum(map(len, files.values())))


def _verified_files(folder: Path, listed: Mapping[str, Mapping[str, Any]]) -> dict[str, bytes]:
    if set(listed) != set(FILES):
        strange = sorted(set(listed) ^ set(FILES))
        raise BundleError(f"bundle {folder}: its manifest differs from the known files in {strange}")
    present = set(os.listdir(folder))
    if present != {*FILES, MANIFEST, SIGNATURE}:
        strange = sorted(present ^ {*FILES, MANIFEST, SIGNATURE})
        raise BundleError(f"bundle {folder}: files are missing or foreign: {strange}")
    files: dict[str, bytes] = {}
    for name in FILES:
        entry = _FileEntry(**listed[name])
        if not is_digest(entry.sha256) or not 0 <= entry.size <= _LARGEST_FILE:
            raise BundleError(f"bundle {folder}: the manifest's entry of {name} is no digest and size")
        data = _read(folder, name, entry.size)
        if _FileEntry.of(data) != entry:
            raise BundleError(f"bundle {folder}: {name} is not the file that was signed; publish the bundle again")
        files[name] = data
    return files


def _read(folder: Path, name: str, largest: int) -> bytes:
    """A plain file's bytes; no link is followed, and not more than one byte beyond the limit is read."""
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BundleError(f"bundle {folder}: {name} is no plain file")
            data = file.read(largest + 1)
    except OSError as error:
        raise BundleError(f"bundle {folder}: {name} cannot be read: {error}") from error
    if len(data) > largest:
        raise BundleError(f"bundle {folder}: {name} is larger than the {largest} bytes that it may have")
    return data
