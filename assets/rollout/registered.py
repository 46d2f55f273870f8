"""A version's registration, held against what its tags in MLflow cannot change.

Belongs here: the entry of the audit log about a registration, and the comparison of a registration with it and with
the signed bundle. Does not belong here: the registration as a value (`assets.bundle.registration`), the verdict on a
version (`promotion.py`).

Anybody with access to MLflow can write a version's tags. What the bundle says of itself is signed; who started the
training only the audit log says.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from assets.bundle.bundle import BundleParts
from assets.bundle.registration import Registration
from assets.governance.audit import Audit
from assets.governance.audit_entries import AuditEntry
from assets.rollout.keeper import Keeper

REGISTER = "register"
"""Action of the audit log: a candidate that passed every gate became a version."""
_FROM_BUNDLE = ("product", "trained_at", "dagster_run", "features", "pins", "gates", "gate_reasons", "metrics")
_FROM_LOG = ("digest", "author")


def record_registration(audit: Audit, record: Registration, version: str, at: datetime) -> None:
    """Writes who started the training of a version, and its digest; a step that is repeated writes nothing more."""
    details = {"digest": record.digest, "author": record.author}
    known = (one for one in audit.entries(last="skipped") if one.action == REGISTER and one.version == version)
    if any(one.product == record.product and dict(one.details) == details for one in known):
        return
    audit.append(
        actor=record.author, action=REGISTER, product=record.product, version=version, reason="passed every gate",
        at=at, details=details,
    )  # fmt: skip


def altered(keeper: Keeper, record: Registration, parts: BundleParts) -> tuple[str, ...]:
    """What of a version's registration was changed by hand; empty where nothing was.

    Args:
        parts: Those of the version's verified bundle.

    Raises:
        RegistrationError: The bundle was not evaluated.
        AuditLogDamaged: The audit log was altered.
    """
    entries = (one for one in keeper.audit.entries(last="skipped") if one.product == parts.product)
    return (*_other_than_signed(record, parts), *other_than_logged(record, parts.version, entries))


def other_than_logged(record: Registration, version: str, entries: Iterable[AuditEntry]) -> tuple[str, ...]:
    """What of a registration is other in the audit log, a sentence each.

    Versions of older code, and imported ones of it, have no author in the log.

    Args:
        entries: The entries of the product.
    """
    logged = [one.details for one in entries if one.version == version and one.action in (REGISTER, "import")]
    said: Mapping[str, Any] = logged[-1] if logged else {}
    return tuple(
        _sentence(name, getattr(record, name), said[name], "the audit log")
        for name in _FROM_LOG
        if name in said and said[name] != getattr(record, name)
    )


def _other_than_signed(record: Registration, parts: BundleParts) -> tuple[str, ...]:
    """What of a registration is other in the signed bundle, a sentence each."""
    signed = Registration.of(parts, digest=record.digest, author=record.author, code=record.code)
    told = [
        _sentence(name, getattr(record, name), getattr(signed, name), "the signed bundle")
        for name in _FROM_BUNDLE
        if getattr(record, name) != getattr(signed, name)
    ]
    if record.compared_with not in (signed.compared_with, ""):
        told.append(_sentence("compared_with", record.compared_with, signed.compared_with, "the signed bundle"))
    return tuple(told)


def _sentence(name: str, tag: object, other: object, where: str) -> str:
    return (
        f"its registration was changed by hand: the tag loopline.{name} in MLflow says {tag!r}, {where} says "
        f"{other!r}; put the tag back"
    )
