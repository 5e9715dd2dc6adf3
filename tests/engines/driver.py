"""A driver: the frame of a CSV, taken to the end by a config; ends as `python -m pipeline run --json` does.

    python driver.py dask|spark contacts.csv -c upload.json --json

Dask's scheduler is the one that DASK_SCHEDULER_ADDRESS names. Spark is on this machine, in this process.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pipeline


def dask_frame(source: str) -> Any:
    import dask.dataframe
    from distributed import Client

    Client()
    return dask.dataframe.read_csv(source, dtype=str, blocksize=1000)


def spark_frame(source: str) -> Any:
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    return session.read.csv(source, header=True).repartition(3, "EMAIL").sortWithinPartitions("EMAIL")


def main(engine: str, source: str, _option: str, config: str, *_others: str) -> int:
    """The exit code."""
    frame = {"dask": dask_frame, "spark": spark_frame}[engine](source)
    code = 0
    try:
        result = pipeline.run(frame, config)
    except pipeline.PipelineError as error:
        if not error.result:
            raise
        code, result = error.exit_code, error.result
    print(json.dumps(result.to_dict()))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
