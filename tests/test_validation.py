"""What is staged and what is rejected depends on source and contract, not on how the work was cut up."""

from __future__ import annotations

import multiprocessing
import pickle
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import source_config

from pipeline import ConfigError, PipelineError, validate
from pipeline.contract import Contract, ContractSource, load_contract
from pipeline.handoffs import Examined, Plan, Slice, Split
from pipeline.read import open_source
from pipeline.unique import Repeats
from pipeline.validation import examine, split

CONTRACTS = """
import pandera.pandas as pa

COLUMNS = {
    "ID": pa.Column(
        str, pa.Check.str_matches(r"[a-z][0-9]\\Z"), unique=True, report_duplicates="exclude_first"
    ),
    "AGE": pa.Column("Int64", [pa.Check.in_range(0, 120), pa.Check.ne(7)], nullable=True),
    "CITY": pa.Column(str, pa.Check(lambda s: s != "Ur", name="not_ur"), nullable=True),
}
STREAMS = pa.DataFrameSchema(COLUMNS)
SETTLES = pa.DataFrameSchema(COLUMNS, unique=["AGE", "CITY"], report_duplicates="all")
CHANGES = pa.DataFrameSchema({**COLUMNS, "CITY": pa.Column(str, default="Rome, old")})
PARSES = pa.DataFrameSchema(
    {**COLUMNS, "CITY": pa.Column(str, parsers=pa.Parser(lambda s: s.str.upper()), nullable=True)}
)
DROPS = pa.DataFrameSchema({"ID": COLUMNS["ID"], "AGE": COLUMNS["AGE"]}, strict="filter")
"""
NAMES = ["STREAMS", "SETTLES", "CHANGES", "PARSES", "DROPS"]
record = st.tuples(
    st.sampled_from(["a1", "a2", "b1", "b2", "c9", "zz", "", "a1 "]),
    st.sampled_from(["1", "7", "x", "", "130", "+5"]),
    st.sampled_from(["Ur", "Bonn", "", '"a ""b"""', '"one\ntwo"', '"a,b"', "é"]),
).map(",".join)
line = st.one_of(record, record, record, record, record, st.sampled_from(["", "a1", 'b"1,2,3', "a,b,c,d"]))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "contracts.py").write_text(CONTRACTS)
        yield Path(made)


def outcome(folder: Path, name: str, slice_bytes: int | None, workers: int | None) -> tuple[bytes, bytes]:
    """What is staged, and the rejects file."""
    config = {"contract": {"schema": f"{folder}/contracts.py:{name}", "max_rejected": "100%"}}
    out = folder / "out"
    for old in out.glob("*"):
        old.unlink()
    try:
        source = folder / "contacts.csv"
        validate(source, config, output=out, slice_bytes=slice_bytes, workers=workers)
    except PipelineError as error:
        assert error.result  # noqa: PT017 - nothing accepted, or nothing there
    files = (out / "accepted.csv", out / "rejects.csv")
    accepted, rejects = (file.read_bytes() if file.exists() else b"" for file in files)
    return accepted, rejects


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=12, deadline=None)
@given(
    lines=st.lists(line, max_size=40),
    end=st.sampled_from(["\n", "\r\n"]),
    slice_bytes=st.integers(8, 300),
    workers=st.integers(1, 3),
)
def test_the_same_comes_out_however_it_is_cut(
    folder: Path, name: str, lines: list[str], end: str, slice_bytes: int, workers: int
) -> None:
    (folder / "contacts.csv").write_bytes(end.join(["ID,AGE,CITY", *lines, ""]).encode())
    assert outcome(folder, name, slice_bytes, workers) == outcome(folder, name, None, 1)


def test_a_row_is_rejected_for_all_that_is_wrong_with_it(folder: Path) -> None:
    (folder / "contacts.csv").write_text("ID,AGE,CITY\na1,1,Ur\na2,x,Ur\na3,1,Rome\na3,,\na4,1,Ur,\n")
    staged, rejects = outcome(folder, "STREAMS", None, None)
    assert staged == b"ID,AGE,CITY\na3,1,Rome\n"
    assert [line.split(",")[3:5] for line in rejects.decode().splitlines()[1:]] == [
        ["2", "CITY:not_ur"],
        ["3", "AGE:coerce_dtype('Int64'); CITY:not_ur"],
        ["5", "ID:field_uniqueness"],
        ["6", "_record:field_count"],
    ]


def plan_and_slices(folder: Path, name: str, given: object) -> tuple[Plan, Contract, list[Slice]]:
    origin = ContractSource("contracts.py:" + name, folder)
    contract = load_contract(origin)
    opened = open_source(
        given,
        source_config(),
        contract_names=contract.rules.names,
        resolve=contract.resolve,
        slice_bytes=2000,
    )
    with opened as source:
        plan = Plan(f"run {folder} {name}", source.header, contract.rules, origin, seed=11)
        return plan, contract, list(source.slices())


def examine_pickled(both: bytes) -> bytes:
    """A worker's part: it knows nothing but what it is sent."""
    piece, plan = pickle.loads(both)  # noqa: S301 - our own
    return pickle.dumps(examine(piece, plan))


def parts(examined: list[Examined], plan: Plan) -> list[Split]:
    repeats = Repeats(plan.rules.bind(plan.header.columns).uniques)
    known = [repeats.observe(one.keys) for one in examined]
    late = [[] if repeats.streams else repeats.settle(index) for index in range(len(examined))]
    return [split(one, known[i] + late[i], plan) for i, one in enumerate(examined)]


ROWS = [(f"a{i % 7}", str(i % 130), "Ur" if i % 5 == 0 else 'the "old", town') for i in range(400)]


@pytest.fixture(scope="module")
def workers() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("kind", ["file", "pandas", "polars", "arrow"])
@pytest.mark.parametrize("name", NAMES)
def test_a_plan_and_slices_give_the_same_in_a_process_of_their_own(
    folder: Path, workers: ProcessPoolExecutor, kind: str, name: str
) -> None:
    frame = pl.DataFrame(ROWS, schema=["ID", "AGE", "CITY"], orient="row")
    frame.write_csv(folder / "contacts.csv")
    given = {
        "file": folder / "contacts.csv",
        "pandas": pd.DataFrame(ROWS, columns=["ID", "AGE", "CITY"]),
        "polars": frame,
        "arrow": frame.to_arrow().to_reader(),
    }[kind]
    plan, contract, slices = plan_and_slices(folder, name, given)
    assert len(slices) > 2
    sent = [pickle.dumps((piece, plan)) for piece in slices]
    there = [pickle.loads(found) for found in workers.map(examine_pickled, sent)]  # noqa: S301 - our own
    here = [examine(piece, plan, contract) for piece in slices]
    assert parts(there, plan) == parts(here, plan)
    assert sum(part.rejected for part in parts(here, plan)) > 100


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=12, deadline=None)
@given(lines=st.lists(line, min_size=1, max_size=40))
def test_what_is_examined_again_by_its_failing_rows_is_split_the_same(
    folder: Path, name: str, lines: list[str]
) -> None:
    (folder / "contacts.csv").write_text("\n".join(["ID,AGE,CITY", *lines, ""]))
    plan, contract, slices = plan_and_slices(folder, name, folder / "contacts.csv")
    before = [examine(piece, plan, contract) for piece in slices]
    known = [np.append(one.faults.failing, len(one.records) + 2) for one in before]  # one of the next slice
    both = zip(slices, known, strict=True)
    again = [examine(piece, plan, contract, failing=rows) for piece, rows in both]
    repeats = Repeats(plan.rules.bind(plan.header.columns).uniques)
    found = [repeats.observe(one.keys) for one in before]
    assert [split(one, rows, plan) for one, rows in zip(again, found, strict=True)] == [
        split(one, rows, plan) for one, rows in zip(before, found, strict=True)
    ]


def test_only_the_failing_rows_are_judged_again(tmp_path: Path) -> None:
    (tmp_path / "contracts.py").write_text(
        textwrap.dedent("""
            import pandera.pandas as pa
            from pathlib import Path

            def known(values):
                with (Path(__file__).parent / "asked").open("a") as file:
                    file.writelines(value + " " for value in values)
                return values != "z"

            CONTACT = pa.DataFrameSchema({"ID": pa.Column(str, pa.Check(known))})
        """)
    )
    plan, contract, (piece,) = plan_and_slices(
        tmp_path, "CONTACT", pl.DataFrame({"ID": ["a", "z", "b", "z"]})
    )
    for failing in (None, np.array([1, 3])):
        (tmp_path / "asked").write_text("")
        assert examine(piece, plan, contract, failing=failing).faults.failing.tolist() == [1, 3]
    assert (tmp_path / "asked").read_text().split() == ["z", "z"]


def test_a_worker_refuses_a_contract_that_is_not_the_plan_s(folder: Path, tmp_path: Path) -> None:
    text = textwrap.dedent("""
        import pandera.pandas as pa
        CONTACT = pa.DataFrameSchema({"ID": pa.Column(str, pa.Check(lambda s: s != "x", name="NAME"))})
    """)
    (tmp_path / "contracts.py").write_text(text)
    plan, _, (piece,) = plan_and_slices(tmp_path, "CONTACT", pl.DataFrame({"ID": ["a"]}))
    (tmp_path / "contracts.py").write_text(text.replace("NAME", "another"))
    with pytest.raises(ConfigError, match="is not the one that the run began with"):
        examine(piece, plan)


def test_an_error_that_is_kept_keeps_no_thread(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text("ID,AGE,CITY\n" + "a1,1,Ur\n" * 5000)

    def stop(*_: object) -> None:
        raise ArithmeticError

    config = {"contract": {"schema": f"{folder}/contracts.py:STREAMS", "max_rejected": "100%"}}
    with pytest.raises(ArithmeticError) as kept:
        validate(path, config, output=tmp_path / "out", progress=stop, slice_bytes=300)
    assert kept.value.__traceback__
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("pipeline-")] == []
