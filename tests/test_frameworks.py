"""Frameworks of clusters are extras: nothing of them is imported for a source that is none of theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import pandas as pd
from pipeline import run

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("dask", "distributed"):
            raise AssertionError(name)

ENGINES = {"pipeline.engines.dask", "pipeline.engines.spark", "pipeline.spread.partition"}
sys.meta_path.insert(0, Refusing())
frame = pd.DataFrame({"EMAIL": ["asha@example.com"]})
found = run(frame, {"contract": {"schema": "schemas/contact.py:CONTACT"}}, until="validate")
print(found.accepted, *sorted({"dask", "distributed", *ENGINES} & sys.modules.keys()))
"""


@pytest.mark.slow
def test_a_run_imports_no_framework(tmp_path: Path) -> None:
    """pandera itself imports Spark where that is installed, so of it nothing can be said."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    assert done.stdout == "1\n", done.stderr
