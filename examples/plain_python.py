"""A program that uploads a DataFrame: python examples/plain_python.py CONFIG CSV DAY

It ends with the exit code of the run's error. Run it again, whatever happened: there is one job for a day.
"""

from __future__ import annotations

import logging
import sys

import pandas as pd

from pipeline import PipelineError, run

logging.basicConfig(level=logging.WARNING)


def main(config: str, source: str, day: str) -> int:
    """The exit code."""
    frame = pd.read_csv(source, dtype=str)
    try:
        result = run(frame, config, run_key=f"contacts {day}")
    except PipelineError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(result.state, result.accepted, result.rejected, result.requestid)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
