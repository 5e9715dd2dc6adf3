"""What is staged and what is rejected depends on source and contract, not on how the work was cut up."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandera.pandas as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import source_config

import pipeline
import pipeline.read
from pipeline import validation
from pipeline.contract import Contract
from pipeline.contract.describe import describe
from pipeline.contract.judge import Judge
from pipeline.engines.local import in_order
from pipeline.read import open_source
from pipeline.rejects import Rejects
from pipeline.sift import sifted
from pipeline.validation import judged, screen, settled

COLUMNS = {
    "ID": pa.Column(
        str, pa.Check.str_matches(r"[a-z][0-9]\Z"), unique=True, report_duplicates="exclude_first"
    ),
    "AGE": pa.Column("Int64", [pa.Check.in_range(0, 120), pa.Check.ne(7)], nullable=True),
    "CITY": pa.Column(str, pa.Check(lambda s: s != "Ur", name="not_ur"), nullable=True),
}
SCHEMAS = {
    "streams": pa.DataFrameSchema(COLUMNS),
    "asks": pa.DataFrameSchema(
        {**COLUMNS, "AGE": pa.Column("Int64", pa.Check.in_range(0, 120), nullable=True)}
    ),
    "settles": pa.DataFrameSchema(COLUMNS, unique=["AGE", "CITY"], report_duplicates="all"),
    "changes": pa.DataFrameSchema({**COLUMNS, "CITY": pa.Column(str, default="Rome, old")}),
    "drops": pa.DataFrameSchema({"ID": COLUMNS["ID"], "AGE": COLUMNS["AGE"]}, strict="filter"),
}
record = st.tuples(
    st.sampled_from(["a1", "a2", "b1", "b2", "c9", "zz", "", "a1 "]),
    st.sampled_from(["1", "7", "x", "", "130", "+5"]),
    st.sampled_from(["Ur", "Bonn", "", '"a ""b"""', '"one\ntwo"', '"a,b"', "é"]),
).map(",".join)
line = st.one_of(record, record, record, record, record, st.sampled_from(["", "a1", 'b"1,2,3', "a,b,c,d"]))


def outcome(path: Path, contract: Contract, slice_bytes: int, workers: int) -> tuple[bytes, bytes]:
    """What is staged, and the rejects file."""
    opened = open_source(
        path,
        source_config(),
        contract_names=contract.names,
        resolve=contract.resolve,
        slice_bytes=slice_bytes,
    )
    staged, rejected = b"", path.with_name("rejects.csv")
    with opened as source:
        header = source.header
        uniqueness = contract.uniqueness(header.columns)
        work = partial(screen, header=header, contract=contract, uniqueness=uniqueness)
        screened = in_order(work, source.slices(), workers)
        verdicts = judged(screened, contract, uniqueness)
        with Rejects(rejected, header, source.place_column) as rejects:
            for verdict in settled(verdicts, uniqueness, contract.bind(header.columns).reasons):
                rejects.write(one := sifted(verdict, header))
                staged += one.good
    return staged, rejected.read_bytes() if rejected.exists() else b""


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@settings(max_examples=25, deadline=None)
@given(
    lines=st.lists(line, max_size=40),
    end=st.sampled_from(["\n", "\r\n"]),
    slice_bytes=st.integers(8, 300),
    workers=st.integers(1, 3),
    batch=st.sampled_from([(1, 1 << 20), (5, 60), (10_000, 1 << 20)]),
)
def test_the_same_comes_out_however_it_is_cut(
    schema: pa.DataFrameSchema,
    lines: list[str],
    end: str,
    slice_bytes: int,
    workers: int,
    batch: tuple[int, int],
) -> None:
    rules = describe(schema)
    contract = Contract(rules, lambda columns: Judge(schema, rules, columns, "contract.py"))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "contacts.csv"
        path.write_bytes(end.join(["ID,AGE,CITY", *lines, ""]).encode())
        whole = outcome(path, contract, 1 << 20, 1)
        patch.setattr(validation, "BATCH_ROWS", batch[0])
        patch.setattr(validation, "BATCH_BYTES", batch[1])
        assert outcome(path, contract, slice_bytes, workers) == whole
        patch.setattr(Contract, "sieve", lambda *_: None)
        assert outcome(path, contract, slice_bytes, workers) == whole


def test_about_a_column_with_code_the_judge_is_asked_about_that_column_alone(tmp_path: Path) -> None:
    path, schema = tmp_path / "contacts.csv", SCHEMAS["asks"]
    path.write_text("ID,AGE,CITY\na1,1,Ur\na2,x,Ur\na3,1,Rome\na3,,\na4,1,Ur,\n")
    rules, asked = describe(schema), []

    def judging(columns: Sequence[str]) -> Judge:
        asked.append(tuple(columns))
        return Judge(schema, rules, columns, "contract.py")

    staged, rejects = outcome(path, Contract(rules, judging), 1 << 20, 1)
    assert asked == [("CITY",)]
    assert staged == b"a3,1,Rome\n"
    assert [line.split(",")[3:5] for line in rejects.decode().splitlines()[1:]] == [
        ["2", "CITY:not_ur"],
        ["3", "AGE:coerce_dtype('Int64'); CITY:not_ur"],
        ["5", "ID:field_uniqueness"],
        ["6", "_record:field_count"],
    ]


def test_an_error_that_is_kept_keeps_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text("ID,AGE,CITY\n" + "a1,1,Ur\n" * 5000)
    monkeypatch.setattr(pipeline.read, "open_source", partial(open_source, slice_bytes=300))
    monkeypatch.setattr(Rejects, "write", partial(pytest.fail, "the disk is full"))
    contract = tmp_path / "contract.py"
    contract.write_text('import pandera.pandas as pa\nC = pa.DataFrameSchema({"ID": pa.Column(str)})\n')
    with pytest.raises(pytest.fail.Exception) as kept:
        pipeline.validate(path, {"contract": {"schema": f"{contract}:C"}}, output=tmp_path / "out")
    assert kept.value.__traceback__
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("pipeline-")] == []
