"""A contract is found, read and refused by name; what it decides on the header; the default contract."""

from __future__ import annotations

import datetime as dt
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
import polars as pl
import pytest
from judging import repeated, verdict

import pipeline.checks  # noqa: F401 - registers the checks
from pipeline.contract import Contract, ContractSource, load_contract
from pipeline.contract.describe import describe
from pipeline.contract.header import check_header
from pipeline.contract.rules import OPAQUE, CellType, CheckRule, Rules, Unique
from pipeline.errors import ConfigError, SourceError

ROOT = Path(__file__).parent.parent
SCHEMA = """
    import pandera.pandas as pa
    CONTACT = pa.DataFrameSchema(
        {"EMAIL": pa.Column(str, pa.Check.email()), "AGE": pa.Column("Int64", nullable=True, required=False)}
    )
"""

MODEL = """
    import pandera.pandas as pa
    class CONTACT(pa.DataFrameModel):
        A: str = pa.Field()
        @pa.check("B")
        def b(cls, series):
            return series
"""
POLARS = """
    import pandera.polars as pa
    CONTACT = pa.DataFrameSchema({})
    class Model(pa.DataFrameModel):
        pass
"""
EITHER = """
    import pandera.pandas as pa
    def column(dtype):
        return pa.Column(dtype, nullable=True, required=False)
    CONTACT = pa.DataFrameSchema({"A": column("Int64"), "B": column(str), "C": column(str)})
"""
NUMBERED = """
    import pandera.pandas as pa
    CONTACT = pa.DataFrameSchema({"N_[0-9]": pa.Column(int, pa.Check.gt(1), regex=True, unique=True)})
"""


def write(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def loaded(folder: Path, text: str, **options: Any) -> Contract:
    """The contract CONTACT in a file with this text."""
    write(folder, text)
    return load_contract(ContractSource("mine.py:CONTACT", folder, **options))


def rules_of(columns: dict[str, pa.Column], **options: Any) -> Rules:
    return describe(pa.DataFrameSchema(columns, **options))


# Finding it


def test_a_schema_a_model_a_module_and_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = """
        from __future__ import annotations
        import pandera.pandas as pa
        class Contact(pa.DataFrameModel):
            EMAIL: str = pa.Field(unique=True)
            AGE: int = pa.Field(ge=0, nullable=True)
            @pa.check("AGE")
            def even(cls, ages):
                return ages % 2 == 0
        CONTACT = Contact
    """
    assert loaded(tmp_path, SCHEMA).rules.names == ("EMAIL", "AGE")
    contract = loaded(tmp_path, model)
    cells = pl.DataFrame({"EMAIL": ["a", "b"], "AGE": ["-1", "2"]})
    assert verdict(contract, cells) == ((0, "AGE:greater_than_or_equal_to(0)"), (0, "AGE:even"))
    monkeypatch.syspath_prepend(tmp_path)
    assert load_contract(ContractSource("mine:Contact", Path("/nowhere"))).rules.names == ("EMAIL", "AGE")


def test_panderas_yaml_with_a_norwegian_in_it(tmp_path: Path) -> None:
    schema = pa.DataFrameSchema(
        {
            "COUNTRY": pa.Column(str, pa.Check.isin(["NO", "SE"]), nullable=True),
            "DOB": pa.Column("datetime64[ns]", pa.Check.ge(pd.Timestamp("2000-01-01")), nullable=True),
        },
        strict="filter",
    )
    text = schema.to_yaml()
    assert text is not None
    write(tmp_path, text.replace("'NO'", "NO"), "contact.yaml")
    contract = load_contract(ContractSource("contact.yaml", tmp_path))
    assert contract.rules == describe(schema)
    cells = pl.DataFrame({"COUNTRY": ["NO", "DK"], "DOB": ["1999-12-31", "2000-01-01"]})
    assert [row for row, _ in verdict(contract, cells)] == [0, 1]


@pytest.mark.parametrize(
    ("spec", "said", "hint"),
    [
        ("none.py:CONTACT", "there is no contract file", "relative to"),
        ("none.yaml", "there is no contract file", "path.yaml"),
        ("mine.py", "names no schema", "path.py:NAME"),
        ("mine.py:", "names no schema", "path.py:NAME"),
        ("mine.py:CONTACTS", "has no CONTACTS", "did you mean CONTACT?"),
        ("mine.py:pa", "no pandera schema but of type module", "DataFrameSchema"),
        ("no_such_package.mine:CONTACT", "there is no module no_such_package", "PYTHONPATH"),
        ("twice.yaml", "twice.yaml, line 3: found duplicate key", "mend"),
        ("list.yaml", "is no pandera schema", "to_yaml"),
        ("check.yaml", "is no pandera schema", "registered"),
        ("broken.py:CONTACT", "broken.py, line 3 does not run: NameError: name 'nothing'", "run the file"),
        ("syntax.py:CONTACT", "syntax.py, line 2 does not run: SyntaxError", "run the file"),
        ("exits.py:CONTACT", "exits.py, line 3 does not run: SystemExit", "run the file"),
        ("missing.py:CONTACT", "line 2 does not run: ModuleNotFoundError", "run the file"),
        ("polars_one.py:CONTACT", "pandera.api.polars", "pandera.pandas"),
        ("polars_one.py:Model", "pandera.api.polars", "pandera.pandas"),
        ("model.py:CONTACT", "does not run", "run the file"),
    ],
)
def test_a_contract_that_cannot_be_had(tmp_path: Path, spec: str, said: str, hint: str) -> None:
    write(tmp_path, SCHEMA)
    write(tmp_path, "columns:\n  A: {dtype: str}\ncolumns: {}\n", "twice.yaml")
    write(tmp_path, "- A\n", "list.yaml")
    write(
        tmp_path, "schema_type: dataframe\ncolumns: {A: {dtype: str, checks: {nothing: 1}}}\n", "check.yaml"
    )
    write(tmp_path, "\nx = 1\nnothing\n", "broken.py")
    write(tmp_path, "\nx = = 1\n", "syntax.py")
    write(tmp_path, "\nimport sys\nsys.exit('no')\n", "exits.py")
    write(tmp_path, "\nimport no_such_package\n", "missing.py")
    write(tmp_path, MODEL, "model.py")
    write(tmp_path, POLARS, "polars_one.py")
    with pytest.raises(ConfigError) as caught:
        load_contract(ContractSource(spec, tmp_path))
    assert said in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.slow
def test_without_pyyaml_and_with_panderas_switches(tmp_path: Path) -> None:
    write(tmp_path, "schema_type: dataframe\ncolumns: {A: {dtype: str}}\n", "contact.yaml")
    program = """
        import sys; sys.modules["yaml"] = None
        from pathlib import Path
        from pipeline.contract import ContractSource, load_contract
        print(load_contract(ContractSource("contact.yaml", Path(sys.argv[1]))).rules.names)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "('A',)"
    switched = subprocess.run(
        command, env={"PANDERA_USE_NARWHALS_BACKEND": "True"}, capture_output=True, text=True, check=False
    )
    assert "unset PANDERA_USE_NARWHALS_BACKEND" in switched.stderr


# Reading it


def test_rules_hold_every_built_in_check_and_are_plain(tmp_path: Path) -> None:
    import re

    lower = pa.Check(lambda s: s.str.islower(), name="lower")
    checks = [
        pa.Check.in_range(dt.date(2000, 1, 1), dt.date(2001, 1, 1), include_max=False),
        pa.Check.isin({"b", "a"}, error="known"),
        pa.Check.str_matches(re.compile("a", re.IGNORECASE)),
        pa.Check.str_length(1, 3),
        pa.Check.le(pd.Timestamp("2001-01-01"), ignore_na=False),
        pa.Check.eq(float("inf")),
        lower,
        pa.Check.ne(object()),
        pa.Check.phone(region="IN"),
        pa.Check.gt(1, raise_warning=True),
    ]
    rules = rules_of({"A": pa.Column(object, checks)}, unique=["A"], strict=True, ordered=True)
    plain = {"include_min": True, "include_max": False}
    bounds = {"min_value": dt.date(2000, 1, 1), "max_value": dt.date(2001, 1, 1)}
    assert rules.columns[0].checks[:-2] == (
        CheckRule("in_range(2000-01-01, 2001-01-01)", "in_range", {**bounds, **plain}),
        CheckRule("known", "isin", {"allowed_values": ("a", "b")}),
        CheckRule(checks[2].error or "", "str_matches", {"pattern": "a", "flags": 34}),
        CheckRule("str_length(1, 3)", "str_length", {"min_value": 1, "max_value": 3, "exact_value": None}),
        CheckRule(
            checks[4].error or "", "less_than_or_equal_to", {"max_value": dt.datetime(2001, 1, 1)}, False
        ),
        CheckRule("equal_to(inf)", "equal_to", {"value": float("inf")}),
        CheckRule("lower", OPAQUE),
    )
    assert rules.columns[0].checks[-2].kind == OPAQUE
    assert rules.columns[0].checks[-1] == CheckRule("phone(region=IN)", "phone", {"region": "IN"})
    assert (rules.strict, rules.ordered, rules.uniques) == ("refuse", True, (Unique(("A",), "none"),))
    assert pickle.loads(pickle.dumps(rules)) == rules  # noqa: S301 - our own


def test_rules_need_no_pandera() -> None:
    program = "import sys, pipeline.contract.rules; print({'pandera', 'pandas', 'polars'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("dtype", "type_"),
    [
        (None, CellType()),
        ("string", CellType()),
        ("int8", CellType("integer", bits=8)),
        ("UInt16", CellType("integer", bits=16, signed=False)),
        ("int32[pyarrow]", CellType("integer", bits=32)),
        ("float32", CellType("decimal", bits=32)),
        ("Float64", CellType("decimal")),
        ("boolean", CellType("boolean")),
        (dt.date, CellType("date")),
        (dt.datetime, CellType("datetime")),
        (pd.DatetimeTZDtype("us", "Asia/Kolkata"), CellType("datetime", unit="us", zone="Asia/Kolkata")),
        (pd.CategoricalDtype(["a"]), CellType("category", categories=("a",))),
        ("category", CellType("category")),
    ],
    ids=str,
)
def test_dtypes(dtype: Any, type_: CellType) -> None:
    assert rules_of({"A": pa.Column(dtype)}).columns[0].type == type_
    assert rules_of({"A": pa.Column(complex)}, dtype=dtype or str).columns[0].type == type_


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"checks": pa.Check(lambda g: g, groupby="A", name="by_a")}, "by_a"),
        ({"checks": pa.Hypothesis.two_sample_ttest("A", "B", groupby="A")}, "two_sample_ttest"),
        ({"columns": {"A": pa.Column(str, pa.Check(lambda g: g, groupby="A", name="by_b"))}}, "by_b"),
        ({"columns": {"A": pa.Column(str, pa.Check.unique_values_eq(["a"]))}}, "unique_values_eq"),
        ({"index": pa.Index(int)}, "index"),
        ({"drop_invalid_rows": True}, "drop_invalid_rows"),
        ({"add_missing_columns": True}, "add_missing_columns"),
        ({"columns": {"A": pa.Column(str, drop_invalid_rows=True)}}, "drop_invalid_rows"),
        ({"columns": {"A": pa.Column("timedelta64[ns]")}}, "timedelta64[ns]"),
        ({"columns": {"A": pa.Column(pa.Decimal)}}, "Decimal(28, 0)"),
        ({"columns": {"A": pa.Column("float16")}}, "float16"),
        ({"columns": {"A": pa.Column(pd.CategoricalDtype([1, 2]))}}, "category"),
        ({"columns": {1: pa.Column(str)}}, "named 1"),
        ({"columns": {"A": pa.Column(int, default="x")}}, "column A of the contract has a default"),
        ({"columns": {"A": pa.Column(str, default=["x"])}}, "column A of the contract has a default"),
        ({"columns": {"A": pa.Column(str, pa.Check.phone(region="ZZ"))}}, "check phone: 'ZZ' is no region"),
        ({"columns": {"A": pa.Column(str, pa.Check.phone(region=91))}}, "check phone: 91 is no region"),
        (
            {"columns": {"A": pa.Column(str, pa.Check.no_lost_leading_zero(length=1))}},
            "lost_leading_zero: a ",
        ),
        ({"columns": {"A": pa.Column(str, pa.Check.no_lost_leading_zero(length="5"))}}, "no_lost_leading_z"),
    ],
)
def test_what_is_refused_is_refused_by_name(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        describe(pa.DataFrameSchema(**{"columns": {"A": pa.Column(str)}, **schema}))
    assert said in caught.value.message
    assert caught.value.hint


# The primary key


def test_a_primary_key_of_one_column(tmp_path: Path) -> None:
    contract = loaded(tmp_path, SCHEMA, primary_key=("AGE",))
    with pytest.raises(SourceError, match="column AGE is missing"):
        contract.resolve(["EMAIL"], "x.csv")
    cells = pl.DataFrame({"EMAIL": ["a@example.com"] * 3, "AGE": ["1", "", "01"]})
    assert verdict(contract, cells) == ((1, "AGE:not_nullable"),)
    assert repeated(contract, cells) == ((2, "AGE:field_uniqueness"),)


def test_a_primary_key_of_several_columns(tmp_path: Path) -> None:
    contract = loaded(tmp_path, EITHER, primary_key=("A", "B"))
    with pytest.raises(SourceError, match="column A or B is missing"):
        contract.resolve(["C"], "x.csv")
    cells = pl.DataFrame({"A": ["1", "", "x", "", "01"], "B": ["a", "", "", "b", "a"]})
    assert verdict(contract, cells) == ((1, "_row:primary_key"), (2, "A:coerce_dtype('Int64')"))
    assert repeated(contract, cells) == ((4, "_row:multiple_fields_uniqueness"),)
    assert contract.rules.bind(["A", "B"]).reasons[-2:] == (
        "_row:multiple_fields_uniqueness",
        "_row:primary_key",
    )
    assert verdict(contract, pl.DataFrame({"B": ["a", ""]})) == ((1, "_row:primary_key"),)


def test_a_primary_key_that_the_contract_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="primary_key names MOBILE") as caught:
        loaded(tmp_path, SCHEMA, primary_key=("EMAIL", "MOBILE"))
    assert "EMAIL, AGE" in caught.value.hint


# The header


def header(columns: list[str], **options: Any) -> None:
    schema = pa.DataFrameSchema(
        {
            "EMAIL": pa.Column(str),
            "AGE": pa.Column("Int64", required=False),
            "TAG_[0-9]": pa.Column(str, regex=True, required=options.pop("tags", False)),
        },
        **options,
    )
    check_header(describe(schema), columns, "x.csv")


def test_headers_that_will_do() -> None:
    header(["EMAIL"])
    header(["X", "TAG_1", "AGE", "EMAIL", "TAG_2"], tags=True)
    header(["EMAIL", "X", "AGE", "TAG_1"], ordered=True)
    header(["EMAIL", "TAG_1"], strict=True)


@pytest.mark.parametrize(
    ("columns", "options", "said", "hint"),
    [
        (["AGE", "E-mail"], {}, 'x.csv: column "E-mail" differs from', '{"E-mail": EMAIL}'),
        (["AGE", "Mail"], {}, "x.csv: column EMAIL is missing", '{"Mail": EMAIL}'),
        (["AGE"], {}, "column EMAIL is missing", "source.columns"),
        (["EMAIL"], {"tags": True}, "column TAG_[0-9] is missing", "source.columns"),
        (["EMAIL", "ages"], {"strict": True}, 'does not know "ages"', 'is "ages" meant for AGE?'),
        (["AGE", "EMAIL"], {"ordered": True}, "AGE stands where EMAIL should be", ""),
        (["AGE", "X"], {"strict": True}, 'column EMAIL is missing; the contract does not know "X"', ""),
    ],
)
def test_headers_that_will_not_do(columns: list[str], options: dict[str, Any], said: str, hint: str) -> None:
    with pytest.raises(SourceError) as caught:
        header(columns, **options)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_a_contact_in_place_of_a_header_is_not_repeated() -> None:
    with pytest.raises(SourceError) as caught:
        header(["planted@example.com", "41"], strict=True)
    assert "planted" not in str(caught.value)
    assert "is the first line a header row" in caught.value.hint


def test_unknown_columns_are_kept_dropped_or_refused(tmp_path: Path) -> None:
    filtering = SCHEMA.replace("}\n    )", '},\n        strict="filter",\n    )')
    columns = ["X", "EMAIL", "Y"]
    assert loaded(tmp_path, SCHEMA).resolve(columns, "x.csv") == (0, 1, 2)
    assert loaded(tmp_path, filtering).resolve(columns, "x.csv") == (1,)
    assert loaded(tmp_path, filtering, unknown_columns="keep").resolve(columns, "x.csv") == (0, 1, 2)
    assert loaded(tmp_path, SCHEMA, unknown_columns="drop").resolve(columns, "x.csv") == (1,)
    with pytest.raises(SourceError, match='does not know "X", "Y"'):
        loaded(tmp_path, SCHEMA, unknown_columns="refuse").resolve(columns, "x.csv")


def test_a_column_that_two_rules_claim() -> None:
    rules = rules_of({"TAG_1": pa.Column(int), "TAG_": pa.Column(str, regex=True)})
    assert [*rules.bind(["TAG_2", "X"]).columns] == ["TAG_2"]
    with pytest.raises(ConfigError, match="two rules for column TAG_1: TAG_1 and TAG_"):
        rules.bind(["TAG_1"])


def test_columns_by_pattern_are_judged_and_unique_each_by_its_own_name(tmp_path: Path) -> None:
    contract = loaded(tmp_path, NUMBERED)
    cells = pl.DataFrame({"N_1": ["1", "2"], "X": ["", ""], "N_2": ["3", "3"]})
    assert verdict(contract, cells) == ((0, "N_1:greater_than(1)"),)
    assert repeated(contract, cells) == ((0, "N_2:field_uniqueness"), (1, "N_2:field_uniqueness"))


# The default contract


@pytest.fixture(scope="module")
def contact() -> Contract:
    return load_contract(ContractSource("schemas/contact.py:CONTACT", ROOT))


def test_the_default_contract_asks_for_little(contact: Contract) -> None:
    assert contact.resolve(["EMAIL", "FIRST_NAME"], "x.csv") == (0, 1)
    assert contact.resolve(["MOBILE", "LOYALTY"], "x.csv") == (0, 1)
    columns = [name for name in contact.rules.names if name != "EMAIL"]
    blank = pl.DataFrame({name: [None] for name in columns}, schema=dict.fromkeys(columns, pl.String))
    assert verdict(contact, blank) == ()


def test_every_check_of_the_default_contract_has_a_sentence() -> None:
    sys.path.insert(0, str(ROOT))
    try:
        from schemas.contact import CONTACT
    finally:
        sys.path.remove(str(ROOT))
    for name, column in CONTACT.columns.items():
        assert column.description, name
        assert all(check.description and check.description.endswith(".") for check in column.checks), name


@pytest.mark.parametrize(
    ("column", "text", "reasons"),
    [
        ("EMAIL", "a@b@example.com", ["email"]),
        ("EMAIL", "", []),
        ("MOBILE", "919876543210", []),
        ("MOBILE", "9.19877E+11", ["phone", "no_scientific_notation"]),
        ("MOBILE", "919876543210.0", ["phone", "no_trailing_decimal"]),
        ("MOBILE", "'919876543210", ["no_leading_apostrophe"]),
        ("CUSTOMER_ID", "104031", []),
        ("CUSTOMER_ID", "1.04031E+5", ["no_scientific_notation"]),
        ("LOYALTY_ID", "104031", ["no_lost_leading_zero"]),
        ("POSTAL_CODE", "01067", []),
        ("AGE", "230", ["in_range"]),
        ("AGE", "41.0", ["coerce_dtype('Int64')"]),
        ("DOB", "2001-02-29", ["coerce_dtype('date')"]),
        ("DOB", "1899-12-31", ["in_range"]),
        ("COUNTRY", "Deutschland", ["str_matches"]),
        ("COUNTRY", "NO", []),
        ("LANGUAGE", "pt-BR", []),
        ("SIGNUP_DATE", "2024-02-29T10:00:00Z", []),
        ("OPT_IN", "perhaps", ["isin"]),
        ("CITY", "千代田区", []),
    ],
)
def test_what_the_default_contract_finds(
    contact: Contract, column: str, text: str, reasons: list[str]
) -> None:
    found = verdict(contact, pl.DataFrame({column: [text]}))
    assert [reason for _, reason in found] == [f"{column}:{reason}" for reason in reasons]
