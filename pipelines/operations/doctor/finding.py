"""The result of one check of the doctor.

Belongs here: a finding, and nothing else. Does not belong here: the checks.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: The subject of the check, in one or two words.
        ok: Whether the check passed.
        detail: The state that the check found.
        remedy: The command or the change that fixes the problem; empty when the check passed.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
