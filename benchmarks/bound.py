"""What bounds a run: its start, and what each step takes by itself, beside the plain upload of the same file.

    python -m benchmarks.bound --rows 5000000

The steps are taken one at a time over all slices, and their CPU seconds are counted. If no thread ever
waited, a run would take its start and then the sum of the steps divided by the cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import requests

from benchmarks.generate import generated
from benchmarks.measure import timed
from benchmarks.run import Bench
from benchmarks.sink import DISCARDED, sink
from pipeline import load_config
from pipeline.contract import load_contract
from pipeline.read import open_source
from pipeline.read.csvfile import CsvSlice
from pipeline.rejects import Rejects
from pipeline.s3.checksums import fingerprint
from pipeline.sift import sifted
from pipeline.tabular import lines
from pipeline.validation import judged, screen, settled

T = TypeVar("T")

ROUNDS = 5
CORES = os.cpu_count() or 1
CHECKSUM, SEND = "checksums", "send"
PATTERN, ANY_LINE = "the sieve's pattern alone", "a pattern for any line, instead"


def whole_runs(bench: Bench, rows: int) -> dict[str, float]:
    """Median seconds of the whole processes, run in turn."""
    runs = {
        "plain upload": ("plain", rows),
        "a run": ("ours", rows),
        "a run of one record, which is all start": ("ours", 1),
    }
    wall: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, (variant, size) in runs.items():
            command = bench.command(variant, generated(size, 1), DISCARDED)
            wall[name].append(timed(command, bench.env).wall)
    return {name: statistics.median(seconds) for name, seconds in wall.items()}


def steps_alone(bench: Bench, source: Path) -> dict[str, float]:
    """CPU seconds of each step of the stream, and of the one pattern that is the largest piece of them."""
    seconds: defaultdict[str, float] = defaultdict(float)

    def taken(step: str, work: Callable[[], T]) -> T:
        before = time.process_time()
        result = work()
        seconds[step] += time.process_time() - before
        return result

    config = load_config(bench.config("benchmark", DISCARDED))
    contract = load_contract(config.contract.schema_, base=config.base)
    names, resolve = contract.names, contract.resolve
    with (
        open_source(str(source), config.source, contract_names=names, resolve=resolve) as file,
        Rejects(bench.folder / "rejects.csv", file.header, file.place_column) as rejects,
        requests.Session() as wire,
    ):
        header = file.header
        reasons = contract.bind(header.columns).reasons
        uniqueness = contract.uniqueness(header.columns)
        sieve = contract.sieve(header.columns, uniqueness.columns)
        assert sieve

        def through(piece: CsvSlice) -> None:
            screened = taken("sieve, keys", lambda: screen(piece, header, contract, uniqueness))
            verdicts = taken("rules for the rest", lambda: list(judged([screened], contract, uniqueness)))
            (verdict,) = taken("repetitions", lambda: list(settled(verdicts, uniqueness, reasons)))
            one = taken("splice", lambda: sifted(verdict, header))
            taken("rejects", lambda: rejects.write(one))
            taken(CHECKSUM, lambda: fingerprint([one.good]))
            taken(SEND, lambda: wire.put(f"{bench.address}/{DISCARDED}/part", one.good).raise_for_status())
            texts = lines.whole(piece.found.packed())
            assert texts is not None
            taken(PATTERN, lambda: texts.str.contains(sieve.pattern))
            taken(ANY_LINE, lambda: texts.str.contains(r"\A[^\n]*\n\z"))

        slices = file.slices()
        while piece := taken("read, cut", lambda: next(slices, None)):
            assert isinstance(piece, CsvSlice)
            through(piece)
    return dict(seconds)


def told(runs: Mapping[str, float], steps: Mapping[str, float]) -> str:
    """Both as lines of text, with what they come to on all cores."""
    plain, _, start = runs.values()
    every = sum(seconds for step, seconds in steps.items() if step not in (PATTERN, ANY_LINE))
    least = sum(steps[step] for step in (PATTERN, CHECKSUM, SEND))
    sums = {
        f"the start, then these on {CORES} cores without a pause": start + every / CORES,
        "the start, then nothing but pattern, checksums and sending": start + least / CORES,
    }

    def beside_plain(seconds: Mapping[str, float]) -> list[str]:
        return [f"{each:7.2f} s  {each / plain:5.2f} x plain  {name}" for name, each in seconds.items()]

    alone = [f"{seconds:7.2f} s  CPU            {step}" for step, seconds in steps.items()]
    return "\n".join([*beside_plain(runs), "", *alone, "", *beside_plain(sums)])


def main() -> None:
    """Print all of it for a file with so many records."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    rows = parser.parse_args().rows
    with sink() as address, tempfile.TemporaryDirectory() as folder:
        bench = Bench(address, Path(folder))
        print(told(whole_runs(bench, rows), steps_alone(bench, generated(rows, 1))))


if __name__ == "__main__":
    main()
