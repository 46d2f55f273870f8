"""The version of the running code.

Belongs here: finding the version that is recorded with runs and decisions. Does not belong here: the records.
"""

import os
import subprocess
from importlib import metadata

from resources.environments import CHECKOUT


def code_version() -> str:
    """The value of LOOPLINE_CODE_VERSION, or else the checkout's commit, or else the package's version.

    A commit ends in `+changed` if the tree is not clean. An image has no checkout: its build sets the variable.
    """
    told = os.environ.get("LOOPLINE_CODE_VERSION")
    if told:
        return told
    if not (CHECKOUT / ".git").exists():
        return metadata.version("loopline")
    commit = _git("rev-parse", "--short=12", "HEAD")
    return f"{commit}+changed" if _git("status", "--porcelain", "--untracked-files=no") else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()
