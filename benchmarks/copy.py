"""polars' plain copy: the same file read and written again, nothing validated and nothing uploaded.

python -m benchmarks.copy contacts.csv
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import polars as pl


def main(source: str, *_: str) -> None:
    """Copy the source to a folder that is gone then."""
    with tempfile.TemporaryDirectory() as folder:
        pl.scan_csv(source, infer_schema=False).sink_csv(Path(folder) / "copy.csv")


if __name__ == "__main__":
    main(*sys.argv[1:])
