"""The contract for a file: the default contract's entries for its columns, and entries of its own."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from functools import cache

from pipeline import starter
from pipeline.look import Column, Look
from pipeline.look.languages import GENDERS, YES_OR_NO

_DTYPES = {"Int64": '"Int64"', "float": "float", "date": "pa.Date", "datetime64[ns]": '"datetime64[ns]"'}


def contract(seen: Look) -> str:
    """The text of the contract's file."""
    head, _, tail = starter.text("schemas/contact.py").partition("CONTACT = pa.DataFrameSchema(\n    {\n")
    head = re.sub(r'^""".*?"""', f'"""{_about(seen)}"""', head, count=1, flags=re.DOTALL)
    head = re.sub(r"^LOYALTY_ID_LENGTH.*\n", "", head, flags=re.MULTILINE)
    attributes = {column.match.attribute for column in seen.columns}
    for attribute, name, words in (("GENDER", "GENDERS", GENDERS), ("OPT_IN", "YES_OR_NO", YES_OR_NO)):
        if attribute in attributes and seen.language in words:
            listed = json.dumps(
                [word.strip() for word in words[seen.language].split(",")], ensure_ascii=False
            )
            head = head.rstrip() + f"\n\n{name} += {listed}\n\n\n"
    entries = "".join(_entry(column, seen.records) for column in seen.columns if column.match.attribute)
    end = tail[tail.index("    },\n    strict=") :]
    return f"{head}CONTACT = pa.DataFrameSchema(\n    {{\n{entries}{end}"


def _about(seen: Look) -> str:
    return (
        f"The contract for {seen.path.name}, from a look at its first {seen.records:,} records.\n\n"
        "Columns that are not described here are custom attributes and kept as they are. The primary key\n"
        "(contract.primary_key in the config) adds that it must be there, filled and unique.\n"
    )


def _entry(column: Column, records: int) -> str:
    match = column.match
    blank = f"        # blank in {column.blank:,} of {records:,}\n" if column.blank else ""
    known = _known().get(match.attribute)
    if known is None or match.confidence not in ("sure", "likely"):
        return blank + _own(column)
    if match.attribute == "LANGUAGE" and not column.fits:
        return f'{blank}        "LANGUAGE": text(40, "Language."),\n'
    if match.attribute == "LOYALTY_ID":
        known = known.replace("undamaged(LOYALTY_ID_LENGTH)", f"undamaged({column.digits or ''})")
        known = known.replace(", eight digits", "")
    if match.attribute == "POSTAL_CODE" and column.digits:
        known = known.replace("undamaged()", f"undamaged({column.digits})")
    return blank + known


def _own(column: Column) -> str:
    name = json.dumps(own_name(column))
    dtype = _DTYPES.get(column.dtype or "", "str") if not column.choices else "str"
    what = json.dumps(f"The file's own column {column.match.name}.", ensure_ascii=False)
    return f"        {name}: optional({dtype}, what={what}),\n"


def own_name(column: Column) -> str:
    """The attribute that a column is mapped to as long as nobody has confirmed another; "" for none."""
    from pipeline.look.columns import own

    return own(column.match.name) if column.match.confidence == "perhaps" else column.match.attribute


@cache
def _known() -> Mapping[str, str]:
    """The entries of the default contract, by attribute, as they stand there."""
    source = starter.text("schemas/contact.py")
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Dict)
            and all(isinstance(value, ast.Call) for value in node.values)
            and node.keys
        ):
            return {
                str(key.value): "".join(lines[key.lineno - 1 : value.end_lineno])
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
    return {}
