"""The variants of each comparison in turn, in one run: medians, ratios, peak memory.

    make bench                                                  # all of it, into benchmarks/README.md
    python -m benchmarks.run --rows 1000000 --bad 1 --rounds 3  # one comparison, printed only
    python -m benchmarks.run --rows 1000000 --variants shipped plain

Of each comparison the first round is not timed: it warms up, its memory is sampled, its uploads are kept, and
the rows that this tool and the two scripts accepted must be the same. Then come the rounds that count, each
begun when the disk has nothing left to write.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

from benchmarks.cases import BOUNDS, FILES, FRAMES, RESULTS, SHIPPED, SUITE, VARIANTS, Case
from benchmarks.generate import EXAMPLE, FORMS
from benchmarks.measure import peak_memory, timed
from benchmarks.sink import DISCARDED, KEPT, sink

CONTRACTS = {
    "benchmark": f"{Path(__file__).with_name('contract.py')}:CONTRACT",
    "shipped": f"{EXAMPLE.parents[1] / 'schemas' / 'contact.py'}:CONTACT",
}
CONFIG = """
contract: {{schema: {contract}, max_rejected: 100%, rejects: {folder}}}
stage: {{bucket: {bucket}, endpoint_url: "{address}", region: us-east-1}}
"""


@dataclass
class Measured:
    """One variant of a case: seconds of each round, and the most memory."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.wall)


class Bench:
    """A sink that runs, and the commands that upload to it."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        self.accepted: dict[Path, set[str]] = {}  # digests of the rows that were accepted of each source
        self.env = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)  # the first round leaves bytecode, as first runs do
        for bucket in (KEPT, DISCARDED):
            for name, contract in CONTRACTS.items():
                text = CONFIG.format(contract=contract, folder=folder, bucket=bucket, address=address)
                self.config(name, bucket).write_text(text)

    def config(self, contract: str, bucket: str) -> Path:
        """Where the config for that contract and bucket is."""
        return self.folder / f"{contract}-{bucket}.yaml"

    def command(self, variant: str, source: Path, bucket: str) -> list[str]:
        """How a variant is started, as a user would start it."""
        config = str(self.config("shipped" if variant in SHIPPED else "benchmark", bucket))
        module = [sys.executable, "-m"]
        if variant in ("ours", *SHIPPED):
            return [*module, "pipeline", "run", str(source), "-c", config, "--until", "stage", "--json"]
        if variant in FILES:
            return [
                *module,
                f"benchmarks.{variant}",
                str(source),
                self.address,
                bucket,
                f"{variant}-{source.name}",
            ]
        return [*module, "benchmarks.frame", variant, str(source), config]

    def measure(self, case: Case) -> dict[str, Measured]:
        """The case, its first round untimed and checked."""
        sources = {variant: case.source(variant) for variant in case.variants}
        results = {variant: Measured() for variant in case.variants}
        for variant, result in results.items():
            before = set(self._kept())
            result.peak = peak_memory(self.command(variant, sources[variant], KEPT), self.env)
            kept = {digest for path, digest in self._kept().items() if path not in before}
            if variant in BOUNDS:
                continue
            if not kept:
                raise SystemExit(f"{variant} staged no table of {sources[variant]}")
            accepted = self.accepted.setdefault(sources[variant], set())
            accepted.update(kept)
            if len(accepted) > 1:
                raise SystemExit(f"Not the same rows were accepted of {sources[variant]}: {accepted}")
        for _ in range(case.rounds):
            for variant, result in results.items():
                os.sync()  # nobody waits for the disk because of what another has written
                run = timed(self.command(variant, sources[variant], DISCARDED), self.env)
                result.wall.append(float(run.printed) if variant in FRAMES else run.wall)
                result.cpu.append(run.cpu)
        return results

    def _kept(self) -> dict[str, str]:
        """The digest of each file that was kept, by its path."""
        with urllib.request.urlopen(self.address) as answer:  # noqa: S310 - our own sink
            return {
                each["path"]: each["sha256"]
                for each in json.load(answer)
                if each["path"].endswith(".csv") and each["sha256"]
            }


def measured(cases: Sequence[Case]) -> Iterator[tuple[Case, dict[str, Measured]]]:
    """Each case with its results, as they come."""
    for gbits, together in groupby(cases, key=lambda case: case.gbits):
        with sink(gbits) as address, tempfile.TemporaryDirectory() as folder:
            bench = Bench(address, Path(folder))
            for case in together:
                yield case, bench.measure(case)


def summary(case: Case, results: Mapping[str, Measured]) -> str:
    """The case as lines of text."""
    line = f", through {case.gbits:g} Gbit/s" if case.gbits else ""
    lines = [f"{case.rows:,} rows, {case.form}, {case.bad:g} % bad{line}, median of {case.rounds}"]
    for variant, result in results.items():
        ratios = " ".join(f"{result.median / other.median:6.2f} x {name}" for name, other in results.items())
        lines.append(
            f"  {variant:13} {result.median:7.2f} s ({min(result.wall):.2f} to {max(result.wall):.2f}), "
            f"CPU {statistics.median(result.cpu):6.2f} s, {result.peak / 1e6:6,.0f} MB  {ratios}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure what was asked for; the whole suite is saved for the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", help="instead of the whole suite")
    parser.add_argument("--bad", type=float, nargs="+", default=[1], help="percent")
    parser.add_argument("--form", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gbits", type=float, default=0, help="of the line to the store; 0: loopback's own")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=FILES)
    asked = parser.parse_args()
    cases: Sequence[Case] = SUITE
    if asked.rows:
        rest = (asked.rounds, asked.variants, asked.gbits)
        cases = [
            Case(rows, bad, form, *rest) for rows in asked.rows for bad in asked.bad for form in asked.form
        ]
    saved = []
    for case, results in measured(cases):
        print(summary(case, results), flush=True)
        saved.append({**asdict(case), "results": {name: asdict(result) for name, result in results.items()}})
    if not asked.rows:
        RESULTS.write_text(json.dumps(saved))


if __name__ == "__main__":
    main()
