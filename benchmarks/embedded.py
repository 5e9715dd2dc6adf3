"""The pipeline called from a program: with a frame that it holds already, or with slices of another size.

    python -m benchmarks.embedded pandas contacts.csv config.yaml
    python -m benchmarks.embedded polars contacts.csv config.yaml
    python -m benchmarks.embedded 4 contacts.csv config.yaml        # slices of 4 MiB

Prints the seconds that `run` took; what was there before (the frame, its library) is not in them.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any

import pipeline
import pipeline.read


def source(kind: str, path: str) -> Any:
    """What is handed to `run`: a frame of texts, or the file's name."""
    if kind == "pandas":
        import pandas as pd

        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    if kind == "polars":
        import polars as pl

        return pl.read_csv(path, infer_schema=False)
    pipeline.read.open_source = partial(pipeline.read.open_source, slice_bytes=int(kind) << 20)
    return path


def main(kind: str, path: str, config: str) -> None:
    """Run up to `stage` and print how long it took."""
    given = source(kind, path)
    start = time.perf_counter()
    pipeline.run(given, config, until="stage")
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
