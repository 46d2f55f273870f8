"""The answers on a version as the audit log has them.

Belongs here: holding the answers among a version's tags, which anybody with access to MLflow can write, against the
audit log. Does not belong here: which approvals count (`approvals.py`), which rejections stand
(`assets.rollout.answers`), the log itself (`audit.py`).

An answer is written to the log first. So an approval that the log lacks, or has with other terms or of another version,
is none; and a rejection of the log holds whether its tag is there or not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from assets.bundle.registration import Approval
from assets.governance.approvals import NOT_AUDITED
from assets.governance.audit_entries import AuditEntry

_ANSWERS = ("approve", "reject")


def audited(answers: Sequence[Approval], entries: Iterable[AuditEntry], version: str) -> tuple[Approval, ...]:
    """The answers on a version in the order of the log, with the rejections whose tags are gone.

    Approvals that the log lacks are marked (`NOT_AUDITED`), and count no longer; they and rejections that it lacks are
    last.

    Args:
        answers: Those among the version's tags.
        entries: The entries of the product.
    """
    log = [one for one in entries if one.action in _ANSWERS and one.version == version]
    known: list[tuple[int, Approval]] = []
    strange: list[Approval] = []
    for answer in answers:
        entry = next((one for one in log if _is_about(one, answer)), None)
        if entry is not None:
            known.append((entry.number, answer))
        else:
            strange.append(answer if answer.answer == "reject" else replace(answer, entry=NOT_AUDITED))
    found = {number for number, _ in known}
    known += [(one.number, _rejection(one)) for one in log if one.action == "reject" and one.number not in found]
    return (*(answer for _, answer in sorted(known, key=lambda pair: pair[0])), *strange)


def _is_about(entry: AuditEntry, answer: Approval) -> bool:
    """Whether an entry records an answer as it stands among the tags; answers of older code name no entry."""
    if answer.version != entry.version or answer.entry not in ("", entry.hash):
        return False
    told = (entry.action, entry.actor, entry.reason, dict(entry.details))
    return told == (answer.answer, answer.by, answer.reason, answer.details) and (
        not answer.entry or entry.at == answer.at
    )


def _rejection(entry: AuditEntry) -> Approval:
    """A rejection whose tag is gone, from its entry."""
    return Approval(
        version=entry.version, answer="reject", by=entry.actor, reason=entry.reason, at=entry.at, entry=entry.hash
    )
