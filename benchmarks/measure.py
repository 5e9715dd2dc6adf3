"""One whole process measured: wall and CPU seconds, and the peak memory of it and all its children.

Memory is PSS, what is shared being split among those who share it, summed over the process tree and sampled
every 50 ms. Sampling takes time itself, so a process is either timed or sampled, never both.
"""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.05


@dataclass(frozen=True)
class Timed:
    """How long a process took, children included, and what it printed."""

    wall: float
    cpu: float
    printed: str


def timed(command: Sequence[str], env: Mapping[str, str]) -> Timed:
    """That process from its start to its end; raises CalledProcessError where it fails."""
    before, start = _cpu(), time.perf_counter()
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return Timed(time.perf_counter() - start, _cpu() - before, done.stdout)


def _cpu() -> float:
    """CPU seconds of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_memory(command: Sequence[str], env: Mapping[str, str]) -> int:
    """The most bytes that the process and its children held at one time."""
    peak = 0
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, sum(held(pid) for pid in _tree(process.pid)))
            time.sleep(INTERVAL)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


def _tree(pid: int) -> list[int]:
    """The process and all that come from it, as far as they still run."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def held(pid: int) -> int:
    """The bytes that a process holds; 0 where it has ended."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) * 1024
    return 0
