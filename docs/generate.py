"""The tables of the docs, made from the code they describe; cog puts them in (`make docs`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, get_args

import click
import numpy as np
import pandas as pd
import polars as pl
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline import errors, exits, readings
from pipeline.answers import UNSENT
from pipeline.cli import cli
from pipeline.config import Config
from pipeline.contract import typed
from pipeline.contract.describe import cell_type
from pipeline.contract.reading import READ
from pipeline.csv.text import NoTextError, of_series
from pipeline.ledger import state
from pipeline.preflight import MEANINGS
from pipeline.read.columns import has_only_days, pandas_text
from pipeline.s3.advice import CODES, KINDS
from pipeline.s3.credentials import WAYS


def exit_codes() -> str:
    """A Markdown table of the error tree, with exit codes and what may be started again."""
    rows = ["| exit | error | retryable | when |", "| --- | --- | --- | --- |", "| 0 | | | done |"]
    for name in errors.__all__:
        error = getattr(errors, name)
        if name not in ("PipelineError", "SubmitError", "TrackError"):  # each is raised as one below it
            when = (error.__doc__ or "").strip().splitlines()[0]
            retryable = "yes" if error.retryable else "no"
            rows.append(f"| {error.exit_code} | `{name}` | {retryable} | {when} |")
    rows[3:] = sorted(rows[3:])
    unwritable = (exits.Unwritable.__doc__ or "").strip().splitlines()[0]
    rows.append(f"| {exits.Unwritable.exit_code} | `Unwritable` | without a job | {unwritable} |")
    codes = ", ".join(str(code) for code in sorted(exits.INTERRUPTED.values()))
    rows.append(
        f"| {codes} | `Interrupted` | without a job | "
        "SIGHUP, Ctrl-C or SIGTERM; what was begun was undone, or is in `left_behind`. |"
    )
    return "\n".join(rows)


def _advice(table: Mapping[str, errors.Advice], head: str) -> str:
    """A Markdown table with a row for each advice, and all names that it is for."""
    names: dict[errors.Advice, list[str]] = {}
    for name, advice in table.items():
        names.setdefault(advice, []).append(f"`{name}`")
    rows = [f"| {head} | cause | what to do |", "| --- | --- | --- |"]
    rows += [f"| {', '.join(found)} | {advice.cause} | {advice.fix} |" for advice, found in names.items()]
    return "\n".join(rows)


def store_codes() -> str:
    """A Markdown table of what a store's error codes mean."""
    return _advice(CODES, "code")


def store_failures() -> str:
    """A Markdown table of what boto3 raises where no S3 store answered."""
    return _advice(KINDS, "boto3 says")


def credential_ways() -> str:
    """A Markdown table of the ways to credentials and what to do where they fail."""
    rows = ["| way | what it takes | what to do |", "| --- | --- | --- |"]
    for way, (what, fix) in WAYS.items():
        texts = [text.replace("{profile}", "NAME") for text in (what, fix)]
        rows.append(f"| `{way}` | {texts[0]} | {texts[1]} |")
    return "\n".join(rows)


def url_refusals() -> str:
    """A Markdown table of what it means that the hosted file's URL is refused."""
    rows = ["| code | what it means and what to do |", "| --- | --- |"]
    rows += [f"| {f'`{code}`' if code else 'none'} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(rows)


def unsent_requests() -> str:
    """A Markdown table of what keeps a request to the API from being sent."""
    return _advice(UNSENT, "Python says")


def config_keys() -> str:
    """A Markdown table for each section of the config, one row a key."""
    parts = ["| key | default | meaning |", "| --- | --- | --- |"]
    for name, field in Config.model_fields.items():
        section: Any = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            parts.append(_row(name, field))
            continue
        for key, inner in section.model_fields.items():
            parts.append(_row(f"{name}.{inner.alias or key}", inner))
    return "\n".join(parts)


def _row(key: str, field: FieldInfo) -> str:
    default = "required" if field.is_required() else _shown(field.default)
    inner = [value for part in get_args(field.annotation) for value in (part, *get_args(part))]
    choices = [value for value in inner if isinstance(value, str)]
    one_of = f" One of {', '.join(f'`{value}`' for value in choices)}." if choices else ""
    meaning = f"{field.description}{one_of}".replace("|", "\\|")
    return f"| `{key}` | {default} | {meaning} |"


def _shown(default: Any) -> str:
    if default in (None, "", (), {}):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def commands() -> str:
    """The help of every command."""
    parts = []
    for name in sorted(cli.commands):
        command = cli.commands[name]
        with click.Context(command, info_name=f"python -m pipeline {name}", max_content_width=100) as context:
            context.help_option_names = ["-h", "--help"]
            parts.append(f"```\n{command.get_help(context)}\n```")
    return "\n\n".join(parts)


# Texts by the dtype that a contract may ask for: which are values of it is found by the code.
_TEXTS: list[tuple[Any, list[str]]] = [
    ("Int64", ["42", "-7", "+7", "007", "7.0", "1e3", "1,000", " 7", "٤٢", "9223372036854775808"]),
    (float, ["1.5", "-0.25", "42", ".5", "5.", "1e3", "1,5", "inf"]),
    (bool, ["true", "FALSE", "1", "0", "yes"]),
    ("date", ["2024-02-29", "2023-02-29", "29.02.2024", "2024-2-9", "2024-02-29T10:00"]),
    (
        "datetime64[ns]",
        ["2024-02-29", "2024-02-29T13:05", "2024-02-29 13:05:00.123", "2024-02-29T13:05:00Z",
         "2024-02-29T13:05:00+05:30", "2024-02-29 13:05:00+00", "2024-02-29 13:05:00 UTC",
         "29/02/2024", "2024-02-29T25:00", "1709211900"],
    ),
    (pd.CategoricalDtype(["M", "F"]), ["M", "F", "m", "Female"]),
    (str, ["NA", "null", " ", "anything"]),
]  # fmt: skip


def typed_view() -> str:
    """A Markdown table of which texts are values of which dtype, by the code that decides it."""
    from pandera.engines.pandas_engine import Engine

    rows = ["| dtype | is a value | is none: rejected as `coerce_dtype(…)` |", "| --- | --- | --- |"]
    for dtype, texts in _TEXTS:
        type_ = cell_type(Engine.dtype(dtype), "the column")
        values = pl.DataFrame({"text": texts}).select(typed.value(pl.col("text"), type_)).to_series()
        good = values.is_not_null().to_list()
        cells = [", ".join(f"`{text}`" for text, is_good in zip(texts, good, strict=True) if is_good is which)
                 for which in (True, False)]  # fmt: skip
        name = {str: "str"}.get(dtype, getattr(dtype, "__name__", str(dtype)))
        rows.append(f"| `{name.split(',')[0] if 'ateg' in name else name}` | {cells[0]} | {cells[1]} |")
    return "\n".join(rows)


_READ = {
    "trim": ["  Anna ", "   "],
    "lower": ["Anna@Example.COM"],
    "date DD.MM.YYYY": ["31.12.1990", "1.2.1990", "31.02.1990", "1990-12-31", "31.12.90"],
    "date MM/DD/YY": ["12/31/90", "2/1/05", "31/12/90"],
    "date DD.MM.YY until 2026": ["31.12.90", "1.2.55", "1.2.26", "31.13.90"],
    "date DD.MM.YYYY HH:mm": ["31.12.2024 14:05", "31.12.2024"],
    "phone DE": ["0171 2345678", "+49 (171) 2345678", "+91 98765 43210", "919876543210", "110", "9.19E+11"],
    "country": ["Deutschland", "germany", "DEU", "276", "de", "UK", "Holland", "Atlantis"],
    "decimal comma": ["1.234,50", "1 234,5", "R$ 87,90", "12", "1.234", "12.5"],
}  # fmt: skip


def reading_table() -> str:
    """A Markdown table of what each reading makes of which text, by the code that does it."""
    rows = ["| reading | is read as | is not read |", "| --- | --- | --- |"]
    for words, texts in _READ.items():
        (reading,) = readings.parse(words)
        column = pl.DataFrame({"text": texts})
        read = column.select(READ[reading.name](pl.col("text"), reading.argument).alias("new"))[
            "new"
        ].to_list()
        pairs = list(zip(texts, read, strict=True))
        good = ", ".join(
            f"`{old}` → {f'`{new}`' if new else '(empty)'}" for old, new in pairs if new is not None
        )
        rows.append(f"| `{words}` | {good} | {', '.join(f'`{old}`' for old, new in pairs if new is None)} |")
    return "\n".join(rows)


_VALUES = r"""
pd.Series(["Anna", "", None, "NA"])
pd.Series([41, None], dtype="Int64")
pd.Series([41, 919876543210, None], dtype=float)
pd.Series([0.1, 1e-7, 2.50])
pd.Series([float(2**53 + 2)])
pd.Series([np.inf])
pd.Series([True, False, None], dtype="boolean")
pd.Series([Decimal("12.50"), Decimal("1E+3"), None])
pd.Series([pd.Timestamp("2024-02-29"), pd.NaT])
pd.Series([pd.Timestamp("2024-02-29"), pd.Timestamp("2024-02-29 13:05:01.5")])
pd.Series([pd.Timestamp("2024-02-29 13:05", tz="Asia/Kolkata")])
pd.Series([dt.date(2024, 2, 29), dt.time(13, 5)])
pd.Series(["F", None, "M"], dtype="category")
pd.Series(["Köln".encode(), b"K\xf6ln"])
pd.Series([7, "7", 7.0, None], dtype=object)
pd.Series([["a", "b"]])
pd.Series([pd.Timedelta("1h")])
pl.Series(["Anna", None])
pl.Series([41, None], dtype=pl.UInt8)
pl.Series([16777217.0], dtype=pl.Float32)
pl.Series([dt.date(2024, 2, 29)])
pl.Series([dt.datetime(2024, 2, 29, 13, 5)], dtype=pl.Datetime(time_zone="UTC"))
pl.Series([[1, 2]])
"""


def frame_values() -> str:
    """A Markdown table of what values of each type become, by the code that does it."""
    rows = ["| column | cells |", "| --- | --- |"]
    names = {"pd": pd, "pl": pl, "np": np, "dt": dt, "Decimal": Decimal}
    for written in _VALUES.strip().splitlines():
        column = eval(written, names)  # noqa: S307 - our own lines, above
        try:
            if isinstance(column, pd.Series):
                text = pandas_text(column, days=has_only_days(column))
            else:
                text = of_series(column)
            cells = [f"`{cell}`" if cell else "(empty)" for cell in text.cells]
            cells = ["rejected: `encoding`" if i in text.undecodable else c for i, c in enumerate(cells)]
        except NoTextError as refused:
            cells = [f"refused: {refused.why}"]
        rows.append(f"| `{written}` | {', '.join(cells)} |")
    return "\n".join(rows)


def state_diagram() -> str:
    """The states of a run and the events that lead from one to another, as a Mermaid diagram."""
    lines = ["```mermaid", "stateDiagram-v2"]
    for event, befores, then in state.STEPS:
        lines += [
            f"    {'[*]' if each == 'absent' else each} --> {then}: {event}"
            for each in befores
            if each != then
        ]
    return "\n".join([*lines, "```"])
