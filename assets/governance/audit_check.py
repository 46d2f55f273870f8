"""The audit log held against its own chain and against its anchors.

Belongs here: the pure comparison, with the first entry that does not fit. Does not belong here: reading log and anchors
(`audit.py`, `anchors.py`), the command (`pipelines.operations.audit`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assets.governance.anchors import Anchor
from assets.governance.audit_entries import START, AuditEntry, AuditLogDamaged


@dataclass(frozen=True)
class AuditCheck:
    """What a verification found.

    Attributes:
        entries: How many entries fit, from the first one on.
        head: Hash of the last of them.
        anchors: How many anchors they were compared with.
        anchored: Number of the last entry with an anchor that fits; 0 for none.
        fault: What is wrong; empty where all fits.
        first: Number of the first entry that does not fit, is missing, or has no anchor; `None` where all fits.
    """

    entries: int
    head: str
    anchors: int
    anchored: int
    fault: str = ""
    first: int | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.fault


def checked(entries: Iterable[AuditEntry], anchors: Sequence[Anchor], *, anchored: bool) -> AuditCheck:
    """Compares each entry with the one before and with its anchors.

    Args:
        entries: `Audit.entries`, which raises at the first entry that does not follow.
        anchored: Whether every entry must have an anchor, of its own or of a later one.
    """
    noted: dict[int, list[Anchor]] = defaultdict(list)
    for anchor in anchors:
        noted[anchor.number].append(anchor)
    number, head, last = 0, START, 0

    def found(fault: str = "", first: int | None = None) -> AuditCheck:
        return AuditCheck(number, head, len(anchors), last, fault, first)

    try:
        for entry in entries:
            other = next((one for one in noted[entry.number] if one.hash != entry.hash), None)
            if other is not None:
                return found(
                    f"entry {entry.number} is not the one that was anchored ({other.hash[:12]}…, {other.where}): the "
                    f"log was written again from this entry or an earlier one on",
                    entry.number,
                )
            last = entry.number if noted[entry.number] else last
            number, head = entry.number, entry.hash
    except AuditLogDamaged as damage:
        return found(f"entry {number + 1} does not fit: {damage}", number + 1)
    beyond = max((one.number for one in anchors), default=0)
    if beyond > number:
        missing = f"entry {beyond} is" if beyond == number + 1 else f"entries {number + 1} to {beyond} are"
        return found(f"{missing} missing: the end of the log was cut off ({_of(noted, beyond)})", number + 1)
    if anchored and last < number:
        return found(
            f"the log has {number} entries, but nothing after entry {last} is anchored: the place of the anchors did "
            f"not answer, or somebody added entries by hand. Look at them, then note that they are right: "
            f"loopline audit anchor --by NAME --reason TEXT",
            last + 1,
        )
    return found()


def _of(noted: dict[int, list[Anchor]], number: int) -> str:
    return f"anchored in {noted[number][0].where}"
