"""Uniqueness says what pandas' `duplicated` says, wherever the source is cut."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import pairs

from pipeline.contract.rules import Bound, CellType, ColumnRule, Keep, Unique
from pipeline.errors import PipelineError
from pipeline.unique import MEMORY, Repeats, compile_rules, keys, seen
from pipeline.unique.hashfilter import Filter
from pipeline.unique.neighbours import packed_keys, repeated
from pipeline.unique.seen import Keys

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


class Watch:
    """The keys of slices by these rules, and which repeat others; `mask`: the bits of a hash that count."""

    def __init__(
        self,
        uniques: list[Unique],
        types: dict[str, CellType] = TYPES,
        memory: int = MEMORY,
        mask: int = 2**64 - 1,
    ) -> None:
        bound = Bound({name: ColumnRule(name, type=type_) for name, type_ in types.items()}, (*uniques,), ())
        self.uniques, self.mask = uniques, mask
        self.rules, self.repeats = compile_rules(bound), Repeats(uniques, memory)

    def keys(self, cells: pl.DataFrame) -> tuple[Keys, ...]:
        mask = np.uint64(self.mask) | seen.ROW
        found = keys(cells, self.rules, 7)
        return tuple(dataclasses.replace(key, entries=np.sort(key.entries & mask)) for key in found)

    def observe(self, cells: pl.DataFrame) -> tuple[tuple[int, str], ...]:
        return pairs(self.repeats.observe(self.keys(cells)))

    def says(self, slices: list[pl.DataFrame]) -> set[tuple[int, str]]:
        """What it says of a source that is cut so, rows counted over all of it."""
        starts = [0, *itertools.accumulate(map(len, slices))]
        now = [self.observe(cells) for cells in slices]
        later = [() if self.repeats.streams else pairs(self.repeats.settle(i)) for i in range(len(slices))]
        return {(starts[i] + row, why) for i in range(len(slices)) for row, why in now[i] + later[i]}

    def says_of_shares(self, slices: list[pl.DataFrame]) -> set[tuple[int, str]]:
        """The same, found on many machines, each of which has some share of all hashes."""
        starts = [0, *itertools.accumulate(map(len, slices))]
        shares: dict[int, list[memoryview]] = {}
        for part, cells in enumerate(slices):
            for share, packed in packed_keys(self.keys(cells), part, 0, np.ones(len(cells), np.int64)):
                shares.setdefault(share, []).append(packed)
        keeps = [unique.keep for unique in self.uniques]
        found = [row for packed in shares.values() for row in repeated(packed, keeps).to_pylist()]
        return {(starts[row["part"]] + row["row"], self.uniques[row["rule"]].reason) for row in found}


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
@settings(max_examples=25, deadline=None)
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
    watch = Watch(uniques)
    assert watch.repeats.streams is (keep == "first")
    repeats = set[tuple[int, str]]().union(*(expected(cells, unique) for unique in uniques))
    assert watch.says(slices) == repeats
    assert watch.says_of_shares(slices) == repeats


def test_rules_of_every_kind_go_together() -> None:
    uniques = [Unique(("A",), "first", "A:field_uniqueness"), Unique(("B",), "none", "B:field_uniqueness")]
    watch = Watch(uniques)
    cells = pl.DataFrame({"A": ["1", "01"], "B": ["a", "a"]})
    assert watch.observe(cells) == ((1, "A:field_uniqueness"),)
    assert watch.observe(cells[:1]) == ((0, "A:field_uniqueness"),)
    assert not watch.repeats.streams
    assert pairs(watch.repeats.settle(0)) == ((0, "B:field_uniqueness"), (1, "B:field_uniqueness"))
    assert pairs(watch.repeats.settle(1)) == ((0, "B:field_uniqueness"),)


@pytest.fixture(params=["as it is", "spilled", "colliding", "both"])
def hard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Bytes of memory: enough or none; and hashes that are told apart by two bits alone."""
    how = {"mask": 3 << 62} if request.param in ("colliding", "both") else {}
    if request.param not in ("spilled", "both"):
        return how
    monkeypatch.setattr(seen, "REACH", 8)  # so that even these few are looked at and merged piece by piece
    monkeypatch.setattr(seen, "PIECE", 16)
    return how | {"memory": 0}


@pytest.mark.slow
@pytest.mark.parametrize("keep", KEEP)
def test_neither_collisions_nor_spilling_change_a_word(keep: Keep, hard: dict[str, int]) -> None:
    random = np.random.default_rng(5)
    cells = pl.DataFrame(
        {
            "A": [str(n) if n else None for n in random.integers(0, 400, 600)],
            "B": [f"é{n}" if n else None for n in random.integers(0, 30, 600)],
            "C": ["0.10"] * 600,
        }
    )
    uniques = [
        Unique(("A",), keep, "A:field_uniqueness"),
        Unique(("B",), keep, "B:field_uniqueness"),
        Unique(("A", "B"), keep),
    ]
    slices = [cells[start : start + 25] for start in range(0, 600, 25)]  # runs are merged, more than once
    watch = Watch(uniques, TYPES, **hard)
    found = watch.says(slices)
    assert watch.says_of_shares(slices) == found
    assert found == set().union(*(expected(cells, unique) for unique in uniques))
    assert {reason for _, reason in found} == {unique.reason for unique in uniques}


@pytest.mark.parametrize("keep", KEEP)
@pytest.mark.parametrize("odd", [[7], [39], [40], [41, 41], [None, 3], ["", 38], []])
def test_keys_that_ascend_until_they_do_not(
    keep: Keep, odd: list[int | str | None], hard: dict[str, int]
) -> None:
    slices = [
        pl.DataFrame({"B": [f"k{n:03}" if isinstance(n, int) else n for n in numbers]}, {"B": pl.String})
        for numbers in ([], [*range(20)], [*range(20, 40)], odd, [*range(42, 50)], [49], [48, 60])
    ]
    cells = pl.concat(slices).with_columns(A=pl.lit(""), C=pl.lit(""), B=pl.col("B").replace("", None))
    unique = Unique(("B",), keep, "B:field_uniqueness")
    watch = Watch([unique], TYPES, **hard)
    assert watch.says(slices) == expected(cells, unique)
    assert watch.says_of_shares(slices) == expected(cells, unique)


def test_keys_that_only_look_alike_when_put_together_do_not_repeat() -> None:
    watch = Watch([Unique(("B", "D"), "first")], {"B": CellType(), "D": CellType()})
    cells = pl.DataFrame({"B": ["1:a", "1", "-", None, "1:-", ""], "D": ["b", ":ab", None, "-", None, "1:-"]})
    assert watch.observe(cells) == ()
    assert watch.observe(cells[3:4]) == ((0, "_row:multiple_fields_uniqueness"),)


def test_long_keys_are_compared_to_their_ends() -> None:
    watch = Watch([Unique(("B",), "first", "B:field_uniqueness")], {"B": CellType()})
    long = "x" * 700_000  # several of them are more than is compared at a time
    first = pl.DataFrame({"B": [long + "1", long + "2", long + "3"]})
    again = pl.DataFrame({"B": [long + "4", long + "3", long + "1", long + "4"]})
    assert watch.observe(first) == ()
    repeats = [row for row, _ in watch.observe(again)]
    assert repeats == [1, 2, 3]


def many(start: int, count: int = 60_000) -> list[Keys]:
    """Keys of so many rows, long enough to fill what stays in memory of them."""
    unique = Unique(("A",), "first")
    bound = Bound({"A": ColumnRule("A")}, (unique,), ())
    texts = [f"{number:0300}" for number in range(start, start + count)]
    return list(keys(pl.DataFrame({"A": texts}), compile_rules(bound), 7))


def test_no_temporary_file_is_needed_until_the_keys_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    repeats = Repeats([Unique(("A",), "first")])
    repeats.observe(many(0, 1000))
    with pytest.raises(PipelineError, match="temporary file") as caught:
        repeats.observe(many(1000))
    assert "TMPDIR" in caught.value.hint


MEASURED = """
import sys
import numpy as np, polars as pl
from pipeline.contract.rules import Bound, ColumnRule, Unique
from pipeline.unique import Repeats, compile_rules, keys

def held():
    with open("/proc/self/smaps_rollup") as file:
        return int(next(line for line in file if line.startswith("Pss:")).split()[1]) * 1024

rows, memory, step = (int(argument) for argument in sys.argv[1:])
uniques = (Unique(("A",), "first", ""),)
rules, watch = compile_rules(Bound({"A": ColumnRule("A")}, uniques, ())), Repeats(uniques, memory)
most, before, repeats = 0, None, 0
for start in range(0, rows, step):
    number = pl.Series(np.arange(start, start + step) * 387420489 % 10**10)
    number[0] = 0  # one in each slice but the first repeats
    found = watch.observe(keys(pl.DataFrame({"A": number.cast(pl.String)}), rules, 7))
    repeats += sum(len(rows) for rows, _ in found)
    before = before or held()
    most = max(most, held() - before)
assert repeats == rows // step - 1, repeats
print(most)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "bound"), [(256 << 20, 16 * 16_000_000), (16 << 20, 64 << 20)])
def test_sixteen_million_keys_stay_within_their_memory(memory: int, bound: int) -> None:
    command = [sys.executable, "-c", MEASURED, str(16_000_000), str(memory), str(200_000)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < bound


@pytest.mark.parametrize("size", [1 << 10, 1 << 16, 1 << 20])
def test_the_filter_forgets_no_entry_and_spares_most_searches(size: int) -> None:
    random = np.random.default_rng(7)
    known, other = (np.sort(random.integers(0, 2**64, size // 16, np.uint64)) for _ in range(2))
    filter_ = Filter(size)
    for some in np.array_split(known, 3):
        filter_.add(some)
    assert filter_.may_hold(known).all()
    assert filter_.may_hold(other).mean() < 0.05
    many = np.sort(random.integers(0, 2**64, size, np.uint64))
    filter_.add(many)
    assert filter_.may_hold(many).all()
    assert filter_.may_hold(known).all()
