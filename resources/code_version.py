"""The version of the running code.

Belongs here: finding the version that is recorded with runs and decisions. Does not belong here: the records.
"""

import hashlib
import os
import subprocess
from importlib import metadata

from resources.environments import CHECKOUT
from resources.errors import LooplineError

_PACKAGES = ("assets/", "infra/", "pipelines/", "resources/")


class UnknownCodeVersion(LooplineError):
    """The version of the running code cannot be found; the message names the variable that gives it."""


def code_version() -> str:
    """The value of LOOPLINE_CODE_VERSION, or else the checkout's commit, or else the installed wheel's version.

    A commit ends in `+changed` if the tree is not clean. A wheel's version ends in a digest of its files, so that two
    wheels of one version number are told apart. The build of an image sets the variable to the commit.

    Raises:
        UnknownCodeVersion: There is neither the variable, nor a usable checkout, nor an installed wheel.
    """
    version = os.environ.get("LOOPLINE_CODE_VERSION", "").strip()
    if version:
        return version
    if not (CHECKOUT / ".git").exists():
        return _installed()
    commit = _git("rev-parse", "--short=12", "HEAD")
    return f"{commit}+changed" if _git("status", "--porcelain", "--untracked-files=no") else commit


def _installed() -> str:
    """The wheel's version and a digest of the hashes that it was installed with."""
    try:
        wheel = metadata.distribution("loopline")
    except metadata.PackageNotFoundError as error:
        raise _unknown(f"{CHECKOUT} is no checkout, and the package loopline is not installed") from error
    files = sorted(
        f"{file}={file.hash.value}" for file in wheel.files or () if file.hash and str(file).startswith(_PACKAGES)
    )
    return f"{wheel.version}+{hashlib.sha256(chr(10).join(files).encode()).hexdigest()[:12]}"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(CHECKOUT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except FileNotFoundError as error:
        raise _unknown("the program git is not installed") from error
    except subprocess.CalledProcessError as error:
        raise _unknown(f"`{' '.join(command)}` failed: {error.stderr.strip()}") from error
    return done.stdout.strip()


def _unknown(why: str) -> UnknownCodeVersion:
    return UnknownCodeVersion(f"the version of the code is unknown: {why}; set LOOPLINE_CODE_VERSION to the commit")
