"""Processes are started, found again, answered and ended for real."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from resources.processes.ended import EndedProcess, append_ended, ended_since
from resources.processes.identity import ProcessIdentity
from resources.processes.ports import answers, port_holder, port_is_free
from resources.processes.running import ServiceProcess, is_alive, log_tail
from resources.processes.spawning import ProcessError
from resources.processes.table import ProcessTable, ProcessTableDamaged, wait_until_answers
from tests.support.servers.ports import free_port

SERVER = """
import http.server, sys
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")
"""
# A child in the session, one that opened its own, and one that refuses to stop; each writes its pid.
FAMILY = """
import subprocess, sys, time
child = [sys.executable, "-c", "import time; time.sleep(600)"]
refuse = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
deaf = subprocess.Popen([sys.executable, "-c", refuse], stdout=subprocess.PIPE)
deaf.stdout.readline()
pids = [subprocess.Popen(child).pid, subprocess.Popen(child, start_new_session=True).pid, deaf.pid]
print("pids", *pids, flush=True)
time.sleep(600)
"""


@pytest.fixture
def table(tmp_path: Path) -> Iterator[ProcessTable]:
    table = ProcessTable(tmp_path)
    yield table
    for process in table.all():
        table.stop(process, grace_seconds=0.1)


def start(table: ProcessTable, name: str, *arguments: str, port: int | None = None) -> ServiceProcess:
    command = [sys.executable, "-u", "-c", *arguments]
    return table.start(name, command, port=port, variables=dict(os.environ), folder=Path.cwd())


def wait_for_log(process: ServiceProcess, word: str) -> str:
    deadline = time.monotonic() + 20
    while word not in log_tail(process):
        assert time.monotonic() < deadline, log_tail(process)
        time.sleep(0.05)
    return log_tail(process)


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_server_is_started_answers_and_is_gone_after_stop(table: ProcessTable, tmp_path: Path) -> None:
    port = free_port()
    server = start(table, "server", SERVER, str(port), port=port)
    wait_until_answers(f"http://127.0.0.1:{port}/", timeout_seconds=20, process=server)
    assert ProcessTable(tmp_path).all() == (server,)
    assert not port_is_free(port)
    assert port_holder(port).startswith(f"process {server.pid} ")
    table.stop(server)
    assert not runs(server.pid)
    assert not answers(f"http://127.0.0.1:{port}/")
    assert port_is_free(port)
    assert table.all() == ()


def test_it_outlives_the_command_that_started_it(table: ProcessTable, tmp_path: Path) -> None:
    starter = f"""
import os, sys
from pathlib import Path
from resources.processes.table import ProcessTable
command = [sys.executable, "-c", "import time; time.sleep(600)"]
ProcessTable(Path({str(tmp_path)!r})).start("sleeper", command, port=None, variables=dict(os.environ), folder=Path("."))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", starter], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    (sleeper,) = table.all()
    assert is_alive(sleeper)
    table.stop(sleeper)
    assert not runs(sleeper.pid)


def test_a_child_of_a_process_that_ignores_to_be_asked_ends_when_asked(table: ProcessTable) -> None:
    """As one is that a script started in the background."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        child = psutil.Process(start(table, "sleeper", "import time; time.sleep(600)").pid)
        assert [signal.getsignal(number) for number in before] == [signal.SIG_IGN, signal.SIG_IGN]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    child.terminate()
    assert child.wait(60) == -signal.SIGTERM


def test_stop_ends_children_of_any_session_even_deaf_ones(table: ProcessTable) -> None:
    process = start(table, "family", FAMILY)
    pids = [int(word) for word in wait_for_log(process, "pids").split()[-3:]]
    assert all(runs(pid) for pid in pids)
    table.stop(process, grace_seconds=0.5)
    assert [pid for pid in (process.pid, *pids) if runs(pid)] == []


def test_stop_ends_the_children_of_a_process_that_was_killed(table: ProcessTable) -> None:
    process = start(table, "family", FAMILY)
    pids = [int(word) for word in wait_for_log(process, "pids").split()[-3:]]
    psutil.Process(process.pid).kill()
    psutil.wait_procs([psutil.Process(process.pid)], timeout=10)
    assert not is_alive(process)
    table.stop(process, grace_seconds=0.5)
    assert [pid for pid in pids if runs(pid)] == []


def test_a_later_process_with_the_same_pid_is_left_alone(table: ProcessTable) -> None:
    process = start(table, "sleeper", "import time; time.sleep(600)")
    other = ServiceProcess("older", process.pid, process.started - 3600, "its mark", None, process.log)
    assert not is_alive(other)
    table.stop(other)
    assert is_alive(process)


def test_two_of_one_name_are_refused_while_the_first_lives(table: ProcessTable) -> None:
    process = start(table, "sleeper", "import time; time.sleep(600)")
    with pytest.raises(ProcessError, match=f"already running as process {process.pid}"):
        start(table, "sleeper", "pass")


def test_the_wait_ends_early_with_the_log_when_the_process_dies(table: ProcessTable) -> None:
    process = start(table, "broken", "raise SystemExit('no such model')")
    began = time.monotonic()
    with pytest.raises(ProcessError, match=r"(?s)broken died .*no such model"):
        wait_until_answers(f"http://127.0.0.1:{free_port()}/", timeout_seconds=60, process=process)
    assert time.monotonic() - began < 20


def test_the_wait_ends_with_the_log_when_the_time_is_over(table: ProcessTable) -> None:
    process = start(table, "silent", "import time; print('thinking'); time.sleep(600)")
    wait_for_log(process, "thinking")
    with pytest.raises(ProcessError, match=r"(?s)did not answer within 0 s.*thinking"):
        wait_until_answers(f"http://127.0.0.1:{free_port()}/", timeout_seconds=0.1, process=process)


def test_an_error_page_is_no_answer(table: ProcessTable) -> None:
    port = free_port()
    server = start(table, "server", SERVER, str(port), port=port)
    wait_until_answers(f"http://127.0.0.1:{port}/", timeout_seconds=20, process=server)
    assert not answers(f"http://127.0.0.1:{port}/not-there")


def test_a_program_that_is_not_there_is_named(table: ProcessTable, tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="cannot run /no/such/program"):
        table.start("ghost", ["/no/such/program"], port=None, variables={}, folder=tmp_path)
    assert table.all() == ()


def test_a_damaged_record_is_named(table: ProcessTable, tmp_path: Path) -> None:
    record = tmp_path / "services.json"
    record.write_text('[{"name": "dagster"')
    with pytest.raises(ProcessTableDamaged, match=r"services\.json is damaged"):
        table.all()
    record.unlink()


@pytest.mark.parametrize("killed", [False, True])
def test_temporary_files_of_a_process_go_with_it(table: ProcessTable, killed: bool) -> None:
    """What it and its children leave among temporary files is gone after stop, also when it was killed before."""
    leave = "import tempfile, time; print('left', tempfile.mkdtemp(), flush=True); time.sleep(600)"
    process = start(table, "untidy", leave)
    left = Path(wait_for_log(process, "left").split()[-1])
    assert left.is_dir()
    if killed:
        psutil.Process(process.pid).kill()
    table.stop(*table.all())
    assert not left.exists()
    assert process.scratch is not None
    assert not process.scratch.exists()


def test_a_process_whose_starter_was_killed_before_it_recorded_the_pid_is_found(
    table: ProcessTable, tmp_path: Path
) -> None:
    starter = f"""
import os, signal, sys
from pathlib import Path
from resources.processes import table
spawn = table.spawn
def killed(*arguments, **named):
    print(spawn(*arguments, **named).pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
table.spawn = killed
command = [sys.executable, "-c", "import time; time.sleep(600)"]
place = table.ProcessTable(Path({str(tmp_path)!r}))
place.start("sleeper", command, port=None, variables=dict(os.environ), folder=Path("."))
"""
    done = subprocess.run([sys.executable, "-c", starter], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    assert runs(pid)
    (left,) = table.left_behind()
    table.end(left)
    assert not runs(pid)
    (told,) = ended_since(tmp_path, datetime.now(UTC) - timedelta(minutes=1))
    assert "sleeper" in told.sentence
    assert "the command that started it was killed" in told.sentence


def test_a_process_of_a_command_that_is_gone_is_left_behind_unless_it_is_kept(table: ProcessTable) -> None:
    me = ProcessIdentity.of_this_process()
    gone = ProcessIdentity(me.place, me.pid, me.started - 3600)
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    started = [
        table.start(name, sleep, port=None, variables=dict(os.environ), folder=Path.cwd(), owner=owner)
        for name, owner in (("mine", me), ("abandoned", gone), ("kept", gone), ("staying", None))
    ]
    table.keep(started[2])
    assert [process.name for process in table.left_behind()] == ["abandoned"]


def test_a_record_that_a_crash_cut_off_is_passed_over(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    append_ended(tmp_path, [EndedProcess("daemon", 7, "it had died", now - timedelta(days=2))])
    append_ended(tmp_path, [EndedProcess("bureau", 8, "it had died", now)])
    with (tmp_path / "services-ended.jsonl").open("a") as file:
        file.write('{"name": "dag')
    assert [one.pid for one in ended_since(tmp_path, now - timedelta(days=1))] == [8]
