"""What a user writes today: pandas reads, pandera validates lazily, what is left is written and uploaded.

python -m benchmarks.naive contacts.csv http://127.0.0.1:9000 bucket key.csv
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import boto3
import pandas as pd
import pandera.errors

from benchmarks.contract import CONTRACT


def main(source: str, endpoint: str, bucket: str, key: str) -> None:
    """Upload the good rows of the source."""
    text = pd.read_csv(source, dtype=str, keep_default_na=False, na_values=[""])
    typed = text.assign(
        AGE=pd.to_numeric(text["AGE"], errors="coerce").astype("Int64"),
        SIGNUP=pd.to_datetime(text["SIGNUP"], format="%Y-%m-%d", errors="coerce").astype("datetime64[ns]"),
    )
    bad = (typed.isna() & text.notna()).any(axis=1)
    try:
        CONTRACT.validate(typed, lazy=True, inplace=True)
    except pandera.errors.SchemaErrors as errors:
        bad[errors.failure_cases["index"].dropna().unique()] = True
    with tempfile.TemporaryDirectory() as folder:
        good = Path(folder) / "good.csv"
        text[~bad].to_csv(good, index=False)
        boto3.client("s3", endpoint_url=endpoint).upload_file(str(good), bucket, key)


if __name__ == "__main__":
    main(*sys.argv[1:])
