"""Uniqueness says what pandas' `duplicated` says, wherever the source is cut."""

from __future__ import annotations

import itertools

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.contract.rules import CellType, Keep, Unique
from pipeline.contract.unique import Uniqueness

TYPES = {"A": CellType("integer"), "B": CellType(), "C": CellType("decimal")}
KEEP: dict[Keep, object] = {"first": "first", "last": "last", "none": False}

rows = st.lists(
    st.tuples(
        st.sampled_from([None, "", "1", "+1", "01", "2", "x"]),
        st.sampled_from([None, "a", "A", "b"]),
        st.sampled_from([None, "0", "-0.0", "0.10", "0.1"]),
    ),
    max_size=12,
)


def said(uniqueness: Uniqueness, slices: list[pl.DataFrame]) -> set[tuple[int, str]]:
    """What it says of a source that is cut so, rows counted over the whole of it."""
    starts = [0, *itertools.accumulate(map(len, slices))]
    now = [uniqueness.observe(uniqueness.keys(cells)) for cells in slices]
    later = [() if uniqueness.streams else uniqueness.settle(i) for i in range(len(slices))]
    return {(starts[i] + row, why) for i in range(len(slices)) for row, why in (*now[i], *later[i])}


def expected(cells: pl.DataFrame, unique: Unique) -> set[tuple[int, str]]:
    """pandas' own word, blank keys left out, on values (what does not parse is null)."""
    frame = pd.DataFrame(
        {
            "A": [float(a) if a and a != "x" else None for a in cells["A"]],
            "B": cells["B"].to_list(),
            "C": [float(c) if c else None for c in cells["C"]],
        }
    )[list(unique.columns)]
    repeated = frame.duplicated(keep=KEEP[unique.keep]) & ~frame.isna().all(axis=1)  # type: ignore[arg-type]
    return {(row, unique.reason) for row in frame.index[repeated]}


@pytest.mark.parametrize("keep", KEEP)
@settings(max_examples=60, deadline=None)
@given(rows=rows, cuts=st.lists(st.integers(0, 12), max_size=3))
def test_it_says_what_pandas_says_wherever_the_source_is_cut(
    keep: Keep, rows: list[tuple[str | None, ...]], cuts: list[int]
) -> None:
    cells = pl.DataFrame(rows, schema=dict.fromkeys(TYPES, pl.String), orient="row")
    uniques = [
        Unique(("A",), keep, "A:field_uniqueness"),
        Unique(("C",), keep, "C:field_uniqueness"),
        Unique(("A", "B"), keep),
    ]
    places = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    slices = [cells[a:b] for a, b in itertools.pairwise(places)] or [cells]
    uniqueness = Uniqueness(uniques, TYPES)
    assert uniqueness.streams is (keep == "first")
    assert said(uniqueness, slices) == set().union(*(expected(cells, unique) for unique in uniques))


def test_rules_of_every_kind_go_together() -> None:
    uniques = [Unique(("A",), "first", "A:field_uniqueness"), Unique(("B",), "none", "B:field_uniqueness")]
    uniqueness = Uniqueness(uniques, TYPES)
    cells = pl.DataFrame({"A": ["1", "01"], "B": ["a", "a"]})
    keys = uniqueness.keys(cells)
    assert uniqueness.observe(keys) == ((1, "A:field_uniqueness"),)
    assert uniqueness.observe(uniqueness.keys(cells[:1])) == ((0, "A:field_uniqueness"),)
    assert not uniqueness.streams
    assert uniqueness.settle(0) == ((0, "B:field_uniqueness"), (1, "B:field_uniqueness"))
    assert uniqueness.settle(1) == ((0, "B:field_uniqueness"),)
