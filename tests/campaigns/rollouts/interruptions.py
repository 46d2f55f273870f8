"""The end of a process at its n-th durable write.

Belongs here: what counts as a durable write, ending before one; a process that really ends. Does not belong here: what
is interrupted (`test_interrupted.py`).

    python -m tests.campaigns.rollouts.interruptions HOME promotion|rollback N     ends by kill -9 before write N
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast
from unittest import mock

from mlflow import MlflowClient

from tests.campaigns.rollouts.glue_store import BAD, GOOD, PRODUCT, Home

Sequence = Literal["promotion", "rollback"]


class Killed(BaseException):
    """The process ends here: nothing may catch it."""


@contextmanager
def ended_before(write: int, end: Callable[[], None]) -> Iterator[list[str]]:
    """Calls `end` before the durable write of this number, from 1; gives the names of the writes so far."""
    done: list[str] = []

    def counted(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **terms: Any) -> Any:
            done.append(name)
            if len(done) == write:
                end()
            return original(*args, **terms)

        return call

    writes = (
        (os, "fsync"), (os, "replace"), (os, "rename"), (os, "link"),
        (MlflowClient, "set_registered_model_alias"), (MlflowClient, "delete_registered_model_alias"),
    )  # fmt: skip
    patches = [mock.patch.object(owner, name, counted(name, getattr(owner, name))) for owner, name in writes]
    for patch in patches:
        patch.start()
    try:
        yield done
    finally:
        for patch in patches:
            patch.stop()


def raise_killed() -> None:
    """Ends by an exception, in this process."""
    raise Killed


def run(home: Home, sequence: Sequence) -> None:
    """What is done, by whom, from the start of a rollout to its end."""
    home.person(home.keeper("Ada"), "start")
    rest(home, sequence)


def rest(home: Home, sequence: Sequence) -> None:
    """What follows after the start."""
    home.seen(GOOD if sequence == "promotion" else BAD)
    if sequence == "rollback":
        home.guard(home.keeper("guard"))
    for _ in range(4):
        if home.state.rollout:
            home.steward(home.keeper("steward"))
    # The look after the last one, by which registry and audit log follow a guard.
    home.steward(home.keeper("steward"))


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    place, asked_for, number = sys.argv[1:]
    with ended_before(int(number), _kill):
        run(Home(Path(place)), cast(Sequence, asked_for))
    print(f"{PRODUCT}: {asked_for} has fewer than {number} writes")
