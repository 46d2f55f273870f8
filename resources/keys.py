"""Secret keys: reading them, and creating one in the local environment.

Belongs here: the keys that sign bundles and that tokenise personal data, by name. Does not belong here: signing and
tokenising (`assets.bundle.signing`, `assets.privacy`), any other password or address (`environments.py`).
"""

import os
import re
import secrets
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from resources.errors import LooplineError
from resources.naming import BadName, checked_name

_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){32,}")
_SHORTEST = 32


class MissingKey(LooplineError):
    """There is no usable key of that name; the message names the variable or file to correct."""


def signing_key(environment: Mapping[str, str], home: Path, name: str) -> bytes:
    """The secret key of that name, at least 32 bytes.

    The variable LOOPLINE_<NAME>_KEY holds it, as hexadecimal digits or as text. If the variable is unset, the local
    environment creates `<home>/keys/<name>.key`, readable only by its owner. Staging and prod never create a key.

    Args:
        environment: Environment variables; LOOPLINE_ENV names the environment.
        home: Folder of everything that this checkout writes.
        name: The purpose of the key: `signing`, `tokenisation`.

    Raises:
        MissingKey: The key is absent, too short, or in a file that others may read.
    """
    try:
        checked_name(name, "key name")
    except BadName as error:
        raise MissingKey(str(error)) from error
    variable = f"LOOPLINE_{name.upper()}_KEY"
    text = environment.get(variable, "")
    if text:
        return _parsed(text, variable)
    stage = environment.get("LOOPLINE_ENV", "local")
    if stage != "local":
        raise MissingKey(
            f"{variable} is not set in the environment '{stage}'; set it to at least {_SHORTEST} characters that every "
            f"process of this environment shares, for example the output of `openssl rand -hex 32`"
        )
    return _local_key(home / "keys" / f"{name}.key")


def _parsed(text: str, origin: str) -> bytes:
    text = text.strip()
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if len(text) < _SHORTEST:
        raise MissingKey(f"{origin} has {len(text)} characters; a key has at least {_SHORTEST}")
    return text.encode()


def _local_key(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _create(path, secrets.token_hex(32))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise MissingKey(f"key file {path} may be read by others; make it private with `chmod 600 {path}`")
    return _parsed(path.read_text(encoding="ascii"), str(path))


def _create(path: Path, text: str) -> None:
    """Writes the file whole or not at all; a key that another process has written meanwhile stays."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        os.unlink(name)


class Keys:
    """The keys of this process, each looked up on use."""

    def __init__(self, environment: Mapping[str, str], home: Path) -> None:
        self._environment, self._home = environment, home

    @classmethod
    def of(cls, home: Path) -> "Keys":
        """The keys from the environment variables of this process."""
        return cls(os.environ, home)

    @property
    def signing(self) -> bytes:
        """Signs bundles (LOOPLINE_SIGNING_KEY)."""
        return signing_key(self._environment, self._home, "signing")

    @property
    def importing(self) -> bytes:
        """Verifies bundles of another environment: that one's signing key (LOOPLINE_IMPORT_KEY), by default ours."""
        return signing_key(self._environment, self._home, "import") if self._has("import") else self.signing

    def _has(self, name: str) -> bool:
        return bool(self._environment.get(f"LOOPLINE_{name.upper()}_KEY"))

    @property
    def tokenisation(self) -> bytes:
        """Tokenises personal data (LOOPLINE_TOKENISATION_KEY)."""
        return signing_key(self._environment, self._home, "tokenisation")
