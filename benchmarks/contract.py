"""The contract of the benchmark: eight columns and checks that the naive script can run just as well."""

from __future__ import annotations

import datetime as dt

import pandera.pandas as pa

COUNTRIES = ("IN", "US", "GB", "DE", "FR", "BR", "ZA", "AE", "SG", "JP")

CONTRACT = pa.DataFrameSchema(
    {
        "CUSTOMER_ID": pa.Column(
            str, pa.Check.str_matches(r"C[0-9]{9}\Z"), unique=True, report_duplicates="exclude_first"
        ),
        "EMAIL": pa.Column(str, pa.Check.str_matches(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\Z")),
        "MOBILE": pa.Column(str, pa.Check.str_matches(r"\+[1-9][0-9]{7,14}\Z"), nullable=True),
        "NAME": pa.Column(str, pa.Check.str_length(1, 60)),
        "CITY": pa.Column(str, pa.Check.str_length(max_value=40), nullable=True),
        "COUNTRY": pa.Column(str, pa.Check.isin(COUNTRIES)),
        "AGE": pa.Column("Int64", pa.Check.in_range(0, 120), nullable=True),
        "SIGNUP": pa.Column(
            "datetime64[ns]", pa.Check.in_range(dt.datetime(2000, 1, 1), dt.datetime(2030, 12, 31))
        ),
    },
    strict=True,
    name="benchmark",
)
