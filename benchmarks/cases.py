"""What is measured: comparisons of variants, each on a file of so many records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.generate import CACHE, FORMS, generated, repeated

RESULTS = CACHE / "results.json"
# Whole processes that upload the good records of a file: this tool and two scripts.
VALIDATING = ("ours", "naive", "polars_script")
# What bounds them: the file as it is through polars, and to the store.
BOUNDS = ("copy", "plain")
FILES = (*VALIDATING, *BOUNDS)
# This tool with the contract that it comes with.
SHIPPED = ("shipped", "damaged")
# This tool within a process that holds a frame.
FRAMES = ("pandas", "polars")
VARIANTS = (*FILES, *SHIPPED, *FRAMES)


@dataclass(frozen=True)
class Case:
    """A comparison: who is run on how many records, of which `bad` percent are bad, how many times."""

    rows: int
    bad: float = 1
    form: str = "bare"
    rounds: int = 3
    variants: Sequence[str] = FILES
    gbits: float = 0  # of the line to the store; 0: loopback's own

    def source(self, variant: str) -> Path:
        """The file for a variant; made if it is not there yet."""
        if set(self.variants) & set(SHIPPED):
            return repeated(self.rows, damaged=variant == "damaged")
        return generated(self.rows, self.bad, self.form)


SUITE = (
    *(Case(100_000, form=form, rounds=7) for form in FORMS),
    *(Case(1_000_000, form=form, rounds=5) for form in FORMS),
    *(Case(5_000_000, form=form) for form in FORMS),
    Case(20_000_000, variants=("ours", "plain")),
    Case(1_000_000, bad=0),
    Case(1_000_000, bad=50),
    Case(1_000_000, variants=FRAMES),
    Case(10_000, bad=2, variants=("shipped", "plain")),
    Case(1_000_000, bad=2, variants=(*SHIPPED, "plain")),
    *(Case(rows, variants=("ours", "plain"), gbits=1) for rows in (1_000_000, 5_000_000, 20_000_000)),
)
