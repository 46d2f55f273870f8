"""The bundle: whole, signed, and verified before anything is parsed."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from assets.bundle.bundle import BundleError, BundleParts
from assets.bundle.files import FILES, MANIFEST, SIGNATURE, load_bundle, write_bundle
from assets.bundle.signing import digest, sign

KEY = b"a key of at least thirty-two bytes"


@pytest.fixture
def folder(parts: BundleParts, tmp_path: Path) -> Path:
    write_bundle(parts, tmp_path / "bundle", KEY)
    return tmp_path / "bundle"


def sign_again(folder: Path, change: dict[str, object]) -> None:
    """Alters the manifest and signs it again, as a holder of the key could."""
    manifest = json.dumps(json.loads((folder / MANIFEST).read_bytes()) | change).encode()
    (folder / MANIFEST).write_bytes(manifest)
    (folder / SIGNATURE).write_text(sign(manifest, KEY))


def test_a_bundle_comes_back_as_it_was_written(parts: BundleParts, tmp_path: Path) -> None:
    written = write_bundle(parts, tmp_path / "bundle", KEY)
    bundle = load_bundle(tmp_path / "bundle", KEY, written)
    assert bundle.parts == parts
    assert (bundle.digest, bundle.version, bundle.product) == (written, "1", "loans")
    assert bundle.digest == digest((tmp_path / "bundle" / MANIFEST).read_bytes())


def test_the_manifest_says_what_is_inside(parts: BundleParts, folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    assert manifest["pins"] == parts.pins
    assert manifest["threshold"] == parts.policy.threshold
    assert manifest["outcomes"] == {"accept": "approve", "refuse": "decline", "fallback": "review"}
    assert set(manifest["files"]) == set(FILES)


def test_the_same_parts_give_the_same_digest(parts: BundleParts, tmp_path: Path) -> None:
    assert write_bundle(parts, tmp_path / "a", KEY) == write_bundle(parts, tmp_path / "b", KEY)


def test_a_bundle_is_never_written_over(parts: BundleParts, folder: Path) -> None:
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(parts, folder, KEY)


@pytest.mark.parametrize("name", [*FILES, MANIFEST, SIGNATURE])
def test_a_flipped_bit_in_any_file_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"{name} is not the file|does not fit"):
        load_bundle(folder, KEY, None)


@pytest.mark.parametrize("name", [*FILES, MANIFEST, SIGNATURE])
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name):
        load_bundle(folder, KEY, None)


def test_a_foreign_file_is_refused(folder: Path) -> None:
    (folder / "extra.pkl").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"extra\.pkl"):
        load_bundle(folder, KEY, None)


def test_a_link_is_refused(folder: Path) -> None:
    shutil.copy(folder / "model.onnx", folder.parent / "model.onnx")
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(folder.parent / "model.onnx")
    with pytest.raises(BundleError, match=r"model\.onnx cannot be read"):
        load_bundle(folder, KEY, None)


def test_a_pipe_instead_of_a_file_is_refused_without_waiting(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    os.mkfifo(folder / "model.onnx")
    with pytest.raises(BundleError, match="not a regular file"):
        load_bundle(folder, KEY, None)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "sub/model.onnx"])
def test_names_that_lead_elsewhere_are_refused_even_when_signed(folder: Path, name: str) -> None:
    files = json.loads((folder / MANIFEST).read_bytes())["files"]
    sign_again(folder, {"files": {**files, name: files["model.onnx"]}})
    with pytest.raises(BundleError, match="differs from the known files"):
        load_bundle(folder, KEY, None)


def test_another_key_is_refused(folder: Path) -> None:
    with pytest.raises(BundleError, match="signed with another key"):
        load_bundle(folder, b"another key of thirty-two bytes and more", None)


def test_another_digest_than_the_one_asked_for_is_refused(folder: Path) -> None:
    with pytest.raises(BundleError, match="expected is 0000"):
        load_bundle(folder, KEY, "0" * 64)


def test_a_signed_bundle_of_another_format_is_refused(folder: Path) -> None:
    sign_again(folder, {"format": 2})
    with pytest.raises(BundleError, match="reads format 1"):
        load_bundle(folder, KEY, None)


def test_a_kernel_of_another_vocabulary_is_refused(folder: Path) -> None:
    kernel = (folder / "kernel.json").read_bytes().replace(b'"Ratio"', b'"Ratoi"')
    (folder / "kernel.json").write_bytes(kernel)
    files = json.loads((folder / MANIFEST).read_bytes())["files"]
    sign_again(folder, {"files": {**files, "kernel.json": {"sha256": digest(kernel), "size": len(kernel)}}})
    with pytest.raises(BundleError, match="cannot be read by this version.*Ratoi"):
        load_bundle(folder, KEY, None)


def test_parts_that_are_no_json_are_refused(parts: BundleParts, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="metrics is not JSON"):
        write_bundle(replace(parts, metrics={"auc": float("nan")}), tmp_path / "bundle", KEY)
    assert os.listdir(tmp_path) == []
