"""The pipeline called from a program with a frame that it holds already.

    python -m benchmarks.frame pandas contacts.csv config.yaml
    python -m benchmarks.frame polars contacts.csv config.yaml

Prints the seconds that `run` took; what was there before (the frame, its library) is not in them.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import pipeline


def frame(kind: str, path: str) -> Any:
    """The file as a frame of texts."""
    if kind == "pandas":
        import pandas as pd

        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    import polars as pl

    return pl.read_csv(path, infer_schema=False)


def main(kind: str, path: str, config: str) -> None:
    """Run up to `stage` and print how long it took."""
    given = frame(kind, path)
    start = time.perf_counter()
    pipeline.run(given, config, until="stage")
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
