"""What this process keeps of the memory that was freed."""

import platform
import subprocess
import sys

import pytest

from resources.processes.memory import keep_freed_memory

ROUNDS = """
import resource
import sys
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from resources.processes.memory import keep_freed_memory

def work():
    arrays = [np.ones(2**16) for _ in range(16)]
    return [pc.add(pa.array(array), 1.0) for array in arrays]

if sys.argv[1] == "keep":
    assert keep_freed_memory()
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Pages that the system had to give a process of its own while it worked on arrays it had had before."""
    done = subprocess.run([sys.executable, "-c", ROUNDS, how], check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to keep")
def test_arrays_take_the_memory_of_those_that_were_freed() -> None:
    pages = 2 * 16 * 2**16 * 8 // 4096
    assert faults("keep") < pages
    assert faults("as it is") > 5 * pages


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory()
