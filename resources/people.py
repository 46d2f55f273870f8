"""The person who works at this process.

Belongs here: the name under which an action is recorded where nobody gives one. Does not belong here: the rights of
people, the names that people give with `--by`.
"""

import getpass
import os
import unicodedata
from collections.abc import Mapping

UNKNOWN = "unknown"
"""The author of what was started from Dagster's pages, which know no names."""


def plain_name(name: str) -> str:
    """A name as people read it: without case, spacing, Unicode form and invisible characters; empty for a blank one."""
    normal = unicodedata.normalize("NFKC", name)
    visible = "".join(letter for letter in normal if unicodedata.category(letter) != "Cf")
    return " ".join(visible.split()).casefold()


def account_of(variables: Mapping[str, str]) -> str:
    """The person that LOOPLINE_USER names; empty where it is unset, as on a machine that several people share."""
    return " ".join(variables.get("LOOPLINE_USER", "").split())


def person() -> str:
    """The person that LOOPLINE_USER names, or else the account that runs this process."""
    named = account_of(os.environ)
    if named:
        return named
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in a container
        return f"account {os.getuid()}"
