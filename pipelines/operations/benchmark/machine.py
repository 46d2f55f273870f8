"""The machine on which something was measured.

Belongs here: the facts that make two measurements comparable. Does not belong here: the measurements.
"""

import os
import platform
from pathlib import Path
from typing import Any

import psutil


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory in GB, Python, and the load of the last minute."""
    models = [line for line in _processor_lines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(": ")[2] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor_lines() -> list[str]:
    """The lines of Linux's description; none on another system."""
    described = Path("/proc/cpuinfo")
    return described.read_text().splitlines() if described.exists() else []
