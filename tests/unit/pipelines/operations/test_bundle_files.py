"""The same bundle goes from one environment into another: the digest stays, approvals do not come along."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from assets.bundle.bundle import BundleError
from assets.bundle.registration import Approval, Registration
from assets.product import Product
from pipelines.operations.models import bundle_files
from pipelines.operations.models.bundle_files import ImportRefused, export_bundle, import_bundle
from resources.keys import MissingKey
from resources.tracking import TrackingError
from tests.support.models.evaluated_bundle import PRODUCT
from tests.support.models.registered import RegisteredHome
from tests.unit.rollout.test_deployment import deployed

STAGING, PROD = "5" * 64, "9" * 64
WHO = {"by": "Ada Risk", "reason": "passed in staging"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The product that only tests have, and staging's signing key."""
    monkeypatch.setattr(bundle_files, "load_product", lambda name: PRODUCT)
    monkeypatch.setattr(Product, "resolutions", {})
    monkeypatch.setenv("LOOPLINE_SIGNING_KEY", STAGING)
    return monkeypatch


@pytest.fixture
def packed(place: Path, keys: pytest.MonkeyPatch) -> Path:
    """Version 2 of staging, which was compared with version 1 and approved there."""
    file = place / "two.bundle"
    if not file.exists():
        home = RegisteredHome(place / "staging")
        home.move(home.register())
        home.register(compared_with="1")
        home.approve("2")
        export_bundle("loans", home.environment, "2", file)
    return file


def test_the_digest_stays_and_the_version_waits_for_its_approval(
    packed: Path, place: Path, keys: pytest.MonkeyPatch
) -> None:
    staged = RegisteredHome(place / "staging").keeper.release("loans", "2")
    keys.setenv("LOOPLINE_SIGNING_KEY", PROD)
    home = RegisteredHome(place / "prod")
    with pytest.raises(BundleError, match=r"set LOOPLINE_IMPORT_KEY to the key that packed it"):
        import_bundle(packed, home.environment, **WHO)
    keys.setenv("LOOPLINE_IMPORT_KEY", STAGING)
    with pytest.raises(ImportRefused, match="expected is abc"):
        import_bundle(packed, home.environment, **WHO, digest="abc")
    found = import_bundle(packed, home.environment, **WHO, digest=staged.digest)
    assert (found.version, found.digest, found.new) == ("2", staged.digest, True)
    assert found.next == "loopline approve loans 2 --by NAME --reason TEXT"

    keeper = home.keeper
    version = keeper.tracking.version("loans", "2")
    record = Registration.from_tags(version.tags)
    assert keeper.release("loans", "2") == staged
    assert Approval.all_from_tags(version.tags) == ()
    assert record.compared_with == ""
    assert '"compared_with": "1"' in version.tags["loopline.imported"]
    assert keeper.published("loans", staged)[1] is False, "the published copy is signed with this environment's key"
    assert [(entry.action, entry.version, entry.actor) for entry in keeper.audit.entries()] == [
        ("import", "2", "Ada Risk")
    ]
    assert home.decides is None
    again = import_bundle(packed, home.environment, **WHO)
    assert (again.new, again.digest) == (False, staged.digest)
    assert len(list(keeper.audit.entries())) == 1

    assert deployed(home, "2")["waiting"]["version"] == "2", "the approval of staging does not count here"
    assert home.decides is None
    home.approve("2")
    deployed(home, "2")
    assert home.decides == home.alias == "2"


def test_a_number_that_is_taken_here_is_refused(packed: Path, place: Path, keys: pytest.MonkeyPatch) -> None:
    home = RegisteredHome(place / "other")
    home.register()
    home.register()
    with pytest.raises(ImportRefused, match="has a version 2 of its own here"):
        import_bundle(packed, home.environment, **WHO)
    with pytest.raises(TrackingError, match="cannot be taken over, 2 was given here"):
        home.keeper.tracking.reserve("loans", home.keeper.tracking.version("loans", "1").run_id, "1", {})


def test_an_import_that_died_after_its_number_was_reserved_goes_on(
    packed: Path, place: Path, keys: pytest.MonkeyPatch
) -> None:
    home = RegisteredHome(place / "crashed")
    digest = RegisteredHome(place / "staging").keeper.release("loans", "2").digest
    tracking = home.keeper.tracking
    with tracking.run("loans", "version 2 from local") as run:
        tracking.reserve("loans", run.run_id, "2", {"loopline.taken_for": digest})
    found = import_bundle(packed, home.environment, **WHO)
    assert found.new
    assert [(one.version, one.ready) for one in tracking.versions("loans")] == [("1", False), ("2", True)]


@pytest.mark.parametrize("name", ["record.json", "manifest.json", "policy.json", "signature"])
def test_an_altered_file_is_refused_before_anything_is_registered(
    packed: Path, place: Path, tmp_path: Path, keys: pytest.MonkeyPatch, name: str
) -> None:
    altered = rewritten(packed, tmp_path / "altered", lambda each, data: flipped(data) if each == name else data)
    home = RegisteredHome(place / "prod")
    before = home.keeper.tracking.versions("loans")
    with pytest.raises(BundleError):
        import_bundle(altered, home.environment, **WHO)
    assert home.keeper.tracking.versions("loans") == before


def test_files_that_lead_elsewhere_or_are_no_bundle_are_refused(
    packed: Path, place: Path, tmp_path: Path, keys: pytest.MonkeyPatch
) -> None:
    environment = RegisteredHome(place / "prod").environment
    (tmp_path / "text").write_text("no tar")
    with pytest.raises(BundleError, match="is no file of `loopline bundle export`"):
        import_bundle(tmp_path / "text", environment, **WHO)
    for member in ("../escaped", "model.pkl", "/etc/passwd"):
        with tarfile.open(tmp_path / "evil", "w") as archive:
            archive.addfile(tarfile.TarInfo(member), io.BytesIO())
        with pytest.raises(BundleError, match="which is no file of a bundle"):
            import_bundle(tmp_path / "evil", environment, **WHO)
    with pytest.raises(ImportRefused, match="give --by and --reason"):
        import_bundle(packed, environment, by=" ", reason="x")
    keys.setenv("LOOPLINE_IMPORT_KEY", "short")
    with pytest.raises(MissingKey, match="LOOPLINE_IMPORT_KEY has 5 characters"):
        import_bundle(packed, environment, **WHO)


def test_the_same_version_is_packed_into_the_same_bytes(packed: Path, place: Path, tmp_path: Path) -> None:
    export_bundle("loans", RegisteredHome(place / "staging").environment, "2", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == packed.read_bytes()
    with pytest.raises(BundleError, match="there is no folder"):
        export_bundle("loans", RegisteredHome(place / "staging").environment, "2", tmp_path / "no" / "file")
    assert os.listdir(tmp_path) == ["again"]


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1, *data[1:]])


def rewritten(file: Path, to: Path, change) -> Path:  # type: ignore[no-untyped-def]
    with tarfile.open(file) as old, tarfile.open(to, "w", format=tarfile.USTAR_FORMAT) as new:
        for member in old:
            data = change(member.name, old.extractfile(member).read())  # type: ignore[union-attr]
            new.addfile(member, io.BytesIO(data))
    return to
