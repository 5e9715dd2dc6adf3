"""What is nearly a source is named with the way out; contracts and frames are the same each time."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from field import CONTACT, config_of, refused, validated

from pipeline import ConfigError, run, validate
from pipeline.errors import SourceError

MAIL = "anna@example.com"
FRAME = pd.DataFrame({"EMAIL": [MAIL], "CITY": ["Ulm"]})
NEARLY: list[tuple[Any, str, str]] = [
    (FRAME["EMAIL"], "pandas.Series", "to_frame"),
    (pl.Series("EMAIL", [MAIL]), "polars.Series", "to_frame"),
    (pl.LazyFrame({"EMAIL": [MAIL]}), "polars.LazyFrame", "collect"),
    (pa.chunked_array([[MAIL]]), "pyarrow.ChunkedArray", "pa.table"),
    (pa.array([MAIL]), "pyarrow.StringArray", "pa.table"),
    (pa.RecordBatch.from_pydict({"EMAIL": [MAIL]}), "pyarrow.RecordBatch", "from_batches"),
    ({"EMAIL": [MAIL]}, "dict", "pandas.DataFrame"),
    ([{"EMAIL": MAIL}], "list", "pandas.DataFrame"),
    (np.array([[MAIL]]), "numpy.ndarray", "pandas.DataFrame"),
    (b"EMAIL\n", "bytes", "path"),
]


@pytest.mark.parametrize(("source", "kind", "hint"), NEARLY, ids=[kind for _, kind, _ in NEARLY])
def test_what_is_nearly_a_frame_is_named(tmp_path: Path, source: Any, kind: str, hint: str) -> None:
    with pytest.raises(SourceError, match=f"A {kind} cannot be read") as caught:
        run(source, config_of(), until="validate")
    assert hint in caught.value.hint


ADDRESSES = ["s3://bucket/key.csv", "https://x.example.com/a.csv?X-Amz-Signature=secret", "gs://b/k"]
ADDRESSES += ["HTTP://x/y.csv", "file:///tmp/a.csv", "abfss://c@a.dfs/x.csv", "dbfs:/mnt/x.csv"]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("configured", [False, True])
def test_an_address_is_no_path(tmp_path: Path, address: str, configured: bool) -> None:
    source = {"path": address} if configured else {}
    with pytest.raises(SourceError, match="is an address") as caught:
        validate(None if configured else address, config_of(source), output=tmp_path / "out")
    assert "secret" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("configured", [False, True])
def test_a_tilde_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: bool
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "contacts.csv").write_text(f"EMAIL\n{MAIL}\n")
    source = {"path": "~/contacts.csv"} if configured else {}
    for given in [None] if configured else ["~/contacts.csv", Path("~/contacts.csv")]:
        assert validate(given, config_of(source), output=tmp_path / "out").accepted == 1
    with pytest.raises(SourceError, match="no such file"):
        validate("~nobody-of-that-name/x.csv", config_of(), output=tmp_path / "out")


@pytest.mark.parametrize("index", ["EMAIL", ["EMAIL", "CITY"], "Kunde"])
def test_an_index_that_holds_the_key_is_told(tmp_path: Path, index: Any) -> None:
    frame = FRAME.rename(columns={"EMAIL": "Kunde"} if index == "Kunde" else {}).assign(AGE=7)
    source = {"columns": {"Kunde": "EMAIL"}} if index == "Kunde" else {}
    refused(tmp_path, frame.set_index(index), "is its index", "reset_index()", source=source)
    assert validated(tmp_path, frame.set_index(index).reset_index(), source=source).result.accepted == 1
    assert validated(tmp_path, FRAME.set_index(pd.Index([5], name="number"))).result.accepted == 1


MIDNIGHTS = [dt.datetime(1990, 5, 1), dt.datetime(1991, 6, 2), None]
LATER = dt.datetime(1991, 6, 2, 13, 5)


def frames(values: list[Any]) -> dict[str, Any]:
    mails = [f"{i}@example.com" for i in range(len(values))]
    days = pl.Series("DOB", values, dtype=pl.Datetime("us"))
    polars = pl.DataFrame({"EMAIL": mails, "DOB": days})
    return {
        "object": pd.DataFrame({"EMAIL": mails, "DOB": pd.Series(values, dtype=object)}),
        "timestamps": pd.DataFrame({"EMAIL": mails, "DOB": pd.to_datetime(pd.Series(values))}),
        "numpy": pd.DataFrame(
            {"EMAIL": mails, "DOB": [v and np.datetime64(v) for v in values]}, dtype=object
        ),
        "polars": polars,
        "arrow": polars.to_arrow(),
        "stream": pa.RecordBatchReader.from_batches(polars.to_arrow().schema, polars.to_arrow().to_batches()),
    }


@pytest.mark.parametrize("kind", frames([]))
def test_midnights_are_dates_under_a_date_column(tmp_path: Path, kind: str) -> None:
    got = validated(tmp_path, frames(MIDNIGHTS)[kind])
    assert [row["DOB"] for row in got.accepted] == ["1990-05-01", "1991-06-02", ""]
    got = validated(tmp_path, frames([*MIDNIGHTS, LATER])[kind])
    assert [row["DOB"] for row in got.accepted] == ["1990-05-01", "1991-06-02", ""]
    assert [row["DOB"][:19] for row in got.rejects] == ["1991-06-02T13:05:00"]


def test_texts_and_moments_with_a_zone_are_no_dates(tmp_path: Path) -> None:
    values = ["1990-05-01T00:00:00", dt.datetime(1990, 5, 1, tzinfo=dt.UTC), "n/a", dt.date(1990, 5, 1)]
    frame = pd.DataFrame({"EMAIL": [f"{i}@example.com" for i in range(4)], "DOB": values}, dtype=object)
    got = validated(tmp_path, frame)
    assert [row["DOB"] for row in got.accepted] == ["1990-05-01"]


def test_time_stamps_of_databases_are_values(tmp_path: Path) -> None:
    zones = ["", "Z", "+00", "+00:00", "+0000", " UTC", " +0000", " +05:30", "+0530", "-08", " -0800", "UTC"]
    stamps = [f"2024-02-29{t}10:00:00{s}{zone}" for t in "T " for s in ("", ".123456") for zone in zones]
    rows = "".join(f"{i}@example.com,{stamp}\n" for i, stamp in enumerate(stamps))
    got = validated(tmp_path, f"EMAIL,SIGNUP_DATE\n{rows}")
    assert [row["SIGNUP_DATE"] for row in got.accepted] == stamps
    bad = ["2024-02-29 10:00:00+24", "2024-02-29 10:00:00 CET", "2024-02-29 10:00:00+5"]
    bad += ["2024-02-29+00", "2024-02-29 UTC"]
    rows = "".join(f"{i}@example.com,{stamp}\n" for i, stamp in enumerate(bad))
    assert validated(tmp_path, f"EMAIL,SIGNUP_DATE\n{rows}good@example.com,\n").result.accepted == 1


REGISTERS = """
import pandas as pd
import pandera.pandas as pa
from pandera.extensions import register_check_method

@register_check_method(statistics=["word"], supported_types=pd.Series)
def says_{name}(series, *, word):
    return series == word

C = pa.DataFrameSchema({{"EMAIL": pa.Column(str, pa.Check.says_{name}(word="a"))}})
"""


def test_a_contract_that_registers_checks_is_loaded_again_and_again(tmp_path: Path) -> None:
    for file in ("one.py", "two.py", "one.py"):  # a copy registers the same name
        (tmp_path / file).write_text(REGISTERS.format(name="it"))
        got = validated(tmp_path, "EMAIL\na\nb\n", schema=str(tmp_path / f"{file}:C"), primary_key=())
        assert got.accepted == [{"EMAIL": "a"}]
        assert list(got.result.reasons.values()) == [1]


@pytest.mark.parametrize("as_module", [False, True])
def test_a_contract_that_fails_gives_the_same_reason_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_module: bool
) -> None:
    name = f"own_contract_{as_module}".lower()
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / f"{name}_helper.py").write_text(REGISTERS.format(name=f"help_{name}"))
    text = f"import {name}_helper\n{REGISTERS.format(name=name)}\nraise RuntimeError('the true reason')\n"
    (tmp_path / f"{name}.py").write_text(text)
    schema = f"{name}:C" if as_module else str(tmp_path / f"{name}.py:C")
    said = {str(refused(tmp_path, "EMAIL\na\n", "the true reason", schema=schema)) for _ in range(3)}
    assert len(said) == 1
    (tmp_path / f"{name}.py").write_text(text.replace("raise", "pass #"))
    os.utime(tmp_path / f"{name}.py", ns=(1, 1))
    assert validated(tmp_path, "EMAIL\na\n", schema=schema).result.accepted == 1


def test_a_home_that_is_none_is_told_for_a_contract(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no contract file"):
        validate(FRAME, config_of(schema="~nobody-of-that-name/c.py:C"), output=tmp_path)
    assert Path(CONTACT.partition(":")[0]).is_file()
