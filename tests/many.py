"""A host process that does many runs at once, each with a config and a source of its own.

    python tests/many.py JOBS

JOBS is a file of `[{"config": {...}, "source": path, "as_frame": bool}, ...]`. Prints JSON: what became of
each run, and the threads, sockets and files that are there afterwards and were not before.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import PipelineError, Result, run


def descriptors() -> Counter[str]:
    """What is open in this process: paths of files, and `socket` or `pipe` once for each."""
    names = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            names.append(str(link.readlink()).partition(":")[0])
        except OSError:  # the folder itself
            continue
    return Counter(names)


def one(job: dict[str, Any]) -> Result | None:
    """How that run ended."""
    source = pd.read_csv(job["source"], dtype=str) if job["as_frame"] else job["source"]
    try:
        return run(source, job["config"], until="submit")
    except PipelineError as error:
        return error.result


def main(path: str) -> None:
    """See above."""
    jobs = json.loads(Path(path).read_text())
    one(jobs[0])  # what is imported and started once for the whole process
    threads, opened = {t.name for t in threading.enumerate()}, descriptors()
    with ThreadPoolExecutor(len(jobs), thread_name_prefix="host") as pool:
        results = list(pool.map(one, jobs[1:]))
    left = {"threads": sorted({t.name for t in threading.enumerate()} - threads)}
    left["opened"] = sorted((descriptors() - opened).elements())
    print(json.dumps({"results": [each and each.to_dict() for each in results], "left": left}))


if __name__ == "__main__":
    main(*sys.argv[1:])
