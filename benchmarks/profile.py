"""Where the time of a run goes: CPU seconds by function of ours, and how full the cores are.

    python -m benchmarks.profile --rows 5000000

Every 5 ms each thread's own CPU clock is read and what it used is put down to the innermost function of
`pipeline` that it is in (to the library's, where none of ours is on its stack). Linux only.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from types import FrameType

from benchmarks.generate import generated
from benchmarks.run import Bench
from benchmarks.sink import DISCARDED, sink

INTERVAL = 0.005
TASKS = Path("/proc/self/task")
OURS = f"{os.sep}pipeline{os.sep}"


class Sampler:
    """Puts the CPU time of this process down to functions, while it is entered."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._clocks: dict[str, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="sampler")

    def __enter__(self) -> Sampler:
        self._clocks = {task.name: _clock(task) for task in TASKS.iterdir()}
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        own = str(threading.get_native_id())
        while not self._done.wait(INTERVAL):
            frames = sys._current_frames()
            named = {str(t.native_id): frames.get(t.ident or 0) for t in threading.enumerate()}
            for task in TASKS.iterdir():
                with suppress(OSError):
                    clock = _clock(task)
                    used = clock - self._clocks.get(task.name, 0.0)
                    self._clocks[task.name] = clock
                    frame = named.get(task.name)
                    if task.name != own:
                        self.seconds[_label(frame) if frame else _thread_name(task)] += used


def _clock(task: Path) -> float:
    return int((task / "schedstat").read_text().split()[0]) / 1e9


def _label(frame: FrameType) -> str:
    """`module.function` of ours, `(library)` where there is none."""
    inner: FrameType | None = frame
    while inner:
        code = inner.f_code
        if OURS in code.co_filename and "site-packages" not in code.co_filename:
            module = code.co_filename.rpartition(OURS)[2].removesuffix(".py").replace(os.sep, ".")
            return f"{module}.{code.co_qualname}"
        inner = inner.f_back
    return f"({Path(frame.f_code.co_filename).name} {frame.f_code.co_name})"


def _thread_name(task: Path) -> str:
    return f"threads of {(task / 'comm').read_text().strip().rstrip('0123456789').rstrip('-')}"


def main() -> None:
    """Print the profile of one run up to `stage`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--bad", type=float, default=1, help="percent")
    asked = parser.parse_args()
    source = generated(asked.rows, asked.bad)
    with sink() as address, tempfile.TemporaryDirectory() as folder:
        bench = Bench(address, Path(folder))
        os.environ.update(bench.env)
        start = time.perf_counter()
        with Sampler() as sampler:
            import pipeline

            pipeline.run(source, bench.config("benchmark", DISCARDED), until="stage")
        wall = time.perf_counter() - start
    total = sum(sampler.seconds.values())
    print(f"{wall:.2f} s, CPU {total:.2f} s: {total / wall / (os.cpu_count() or 1):.0%} of the cores")
    for label, seconds in sorted(sampler.seconds.items(), key=lambda item: -item[1])[:15]:
        print(f"{seconds:7.2f} s {seconds / total:5.0%}  {label}")


if __name__ == "__main__":
    main()
