"""The checks as pandera sees them: registered, vectorised, the same for every kind of column."""

from __future__ import annotations

import importlib
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pytest

import pipeline.checks
from pipeline import checks
from pipeline.formats import phones

Check = pa.Check


def verdicts(check: pa.Check, values: list[Any], dtype: Any = object) -> list[bool]:
    """What pandera makes of the check, value by value."""
    frame = pd.DataFrame({"X": pd.Series(values, dtype=dtype)})
    schema = pa.DataFrameSchema({"X": pa.Column(checks=check, nullable=True)})
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        failed = set(error.failure_cases["index"])
        return [i not in failed for i in range(len(values))]
    return [True] * len(values)


def test_the_checks_are_pandera_s_and_registering_them_again_does_no_harm() -> None:
    importlib.reload(pipeline.checks)
    for check, name in [
        (Check.email(), "email"),
        (Check.phone(region="IN"), "phone"),
        (Check.phone("IN"), "phone"),
        (Check.phone(), "phone"),
        (Check.no_scientific_notation(), "no_scientific_notation"),
        (Check.no_trailing_decimal(), "no_trailing_decimal"),
        (Check.no_missing_country_code(), "no_missing_country_code"),
        (Check.no_leading_apostrophe(), "no_leading_apostrophe"),
        (Check.no_disguise(), "no_disguise"),
        (Check.no_lost_leading_zero(length=5), "no_lost_leading_zero"),
    ]:
        assert check.name == name
    assert Check.phone("IN").statistics == {"region": "IN"}
    assert Check.no_lost_leading_zero(length=5).statistics == {"length": 5}


@pytest.mark.parametrize("dtype", [object, "str", "string[pyarrow]", "category"])
def test_each_kind_of_column_gets_the_same_verdicts(dtype: str) -> None:
    mails = ["a@b.co", None, "a@b", "a@b.co", "A.B@EXAMPLE.COM", ""]
    assert verdicts(Check.email(), [*mails], dtype) == [True, True, False, True, True, False]
    numbers = ["919876543210", "9876543210", None, "987654321", "+4915112345678"]
    assert verdicts(Check.phone("IN"), [*numbers], dtype) == [True, True, True, False, True]
    zeros = ["01067", "1067", None, "A1", "123456"]
    assert verdicts(Check.no_lost_leading_zero(length=5), [*zeros], dtype) == [True, False, True, True, True]


def test_odd_values_are_no_addresses_and_break_nothing() -> None:
    odd = pd.Series(["\ud800@example.com", "a\x00@b.co", 5, 1.5, b"a@b.co", "a@b.co\n", None], dtype=object)
    assert not checks.email(odd).any()
    assert not checks.phone(odd, region="IN").any()
    index = pd.Index([7, 7, 3])
    assert checks.email(pd.Series(["a@b.co", "x", "a@b.co"], index=index)).index.equals(index)


def test_many_values_are_screened_and_judged_alike() -> None:
    """Past a number of different values the fast form goes first: nothing else may change."""
    values = [f"9{n:09d}" for n in range(0, 10**9, 333_333)] + ["９876543210", "98765-43210", "x"]
    assert len(values) > checks.MANY
    assert verdicts(Check.phone("IN"), [*values]) == [phones.accepts(v, "IN") for v in values]
    mails = [f"{n}@example.com" for n in range(checks.MANY)] + ["ü@example.com", "\ud800@example.com", "a@b"]
    assert checks.email(pd.Series(mails, dtype=object)).to_list() == [True] * (checks.MANY + 1) + [False] * 2
