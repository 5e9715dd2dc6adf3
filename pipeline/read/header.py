"""The head of a table: from the names a source gives its columns to the attributes of the contract.

Blanks and invisible characters around a header name do not count, as they are never meant.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from pipeline.errors import SourceError
from pipeline.handoffs import Header
from pipeline.names import FRAME, LEFT_OUT, plain_name

if TYPE_CHECKING:
    import polars as pl

UNNAMED = f"{LEFT_OUT}unnamed"  # a column that has no name, and is to have no text

# A BOM in the middle of a file, zero-width spaces and joiners, soft hyphens: copied along, and not seen.
_AROUND = re.compile(r"^[\s\ufeff\u200b-\u200f\u2060\u00ad]+|[\s\ufeff\u200b-\u200f\u2060\u00ad]+\Z")
UNNAMED_HINT = (
    'Set source.columns: {"": null} to leave out the columns without a name; pandas writes none with '
    "index=False."
)
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_QUOTES = ("''", '""', "``", "“”", "„“", "‘’", "«»")


def header_of(
    names: Sequence[str],
    mapping: Mapping[str, str | None],
    *,
    contract_names: Collection[str],
    resolve: Callable[[Sequence[str], str], tuple[int, ...]],
    where: str,
) -> Header:
    """The header of a source whose columns have these names; `resolve` as for `open_source`.

    A column that `mapping` maps to null is not staged, nor is one without a name. Raises SourceError, which
    begins with `where`, for a header that leaves open which column is which.
    """
    columns = attributes(names, mapping, where=where)
    _check_spelling(mapping, contract_names, where=where)
    if {"_reasons", "_raw"} <= set(columns):
        raise SourceError(
            f"{where}: these are rejects of ours, and behind their last column, _raw, another was put",
            hint="Take it away: _line (or _row), _reasons, _why and _raw are the last four.",
        )
    own = [at for at, name in enumerate(columns) if not name.startswith(LEFT_OUT)]
    if not own:
        raise SourceError(
            f"{where}: the header names no column to stage",
            hint="Check source.columns."
            if where == FRAME
            else "Check source.skip_rows, which passes over lines before the header, and source.columns.",
        )
    staged = resolve([columns[at] for at in own], where)
    blank = tuple(at for at, name in enumerate(columns) if name.startswith(UNNAMED))
    return Header(tuple(names), columns, tuple(own[at] for at in staged), blank)


def attributes(names: Sequence[str], mapping: Mapping[str, str | None], *, where: str) -> tuple[str, ...]:
    """The attribute of each column: what `mapping` says, else the name itself, without blanks around.

    A column that is left out gets a name that no contract has. Raises SourceError for a repeated name, an
    entry of `mapping` that names no column, and two columns for one attribute.
    """
    bare = [_bare(name) for name in names]
    _check_distinct(
        [_bare(name) for name in mapping], f"{where}: source.columns maps one name twice, by entries"
    )
    _check_distinct(bare, f"{where}: the header gives the same name to columns")
    wanted = {_bare(name): attribute for name, attribute in mapping.items()}
    for name in filter(None, wanted):
        if name not in bare:
            near = difflib.get_close_matches(name, bare, n=3)
            raise SourceError(
                f"{where}: source.columns maps {name!r}, and no column of the header is called so",
                hint=f"Did you mean {' or '.join(map(repr, near))}?" if near else "Compare with the header.",
            )
    columns = []
    for at, name in enumerate(bare):
        attribute = wanted.get(name, name)
        columns.append(f"{LEFT_OUT}{at}" if attribute is None else attribute or f"{UNNAMED}{at}")
    _check_distinct(columns, f"{where}: source.columns gives the same attribute to columns")
    return tuple(columns)


def _check_spelling(
    mapping: Mapping[str, str | None], contract_names: Collection[str], *, where: str
) -> None:
    """Raise SourceError where `mapping` all but names a column of the contract."""
    spelled = {plain_name(name): name for name in contract_names}
    for name, attribute in mapping.items():
        meant = spelled.get(plain_name(attribute or ""))
        if attribute and meant and attribute not in contract_names:
            raise SourceError(
                f"{where}: source.columns maps {name!r} to {attribute}, which the contract spells {meant}",
                hint=f"Write {meant} there, or another name.",
            )


def _check_distinct(names: Sequence[str], complaint: str) -> None:
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if name and name in first:
            raise SourceError(
                f"{complaint} {first[name]} and {number}", hint="Rename or drop one of the two."
            )
        first[name] = number


def check_separated(
    line: str, used: str, mapping: Mapping[str, str | None], contract_names: Collection[str], *, where: str
) -> None:
    """Raise SourceError where another delimiter would find columns of the contract in a header line."""
    for found in re.findall(r"(?<=\w)[^\w\s]{2,4}(?=\w)", re.sub("[\"']", "", line)):
        if _has_columns(line, found, mapping, contract_names):
            one = found[0] if len(set(found)) == 1 and found[0] in _DELIMITERS else ""
            raise SourceError(
                f"{where}: the header's columns are separated by {found}, which is {len(found)} characters",
                hint=f'Set source.delimiter: "{one}"; the empty columns between are left out.'
                if one
                else "Export it with one character between cells, or replace it in a copy: "
                "source.delimiter takes one character.",
            )
    for other, called in _DELIMITERS.items():
        if other != used and _has_columns(line, other, mapping, contract_names):
            delimiter = other.replace("\t", "\\t")
            raise SourceError(
                f"{where}: the header's columns are not separated by {_DELIMITERS.get(used, repr(used))} "
                f"but by {called}",
                hint=f'Set source.delimiter: "{delimiter}"',
            )


def check_quoted(
    names: Sequence[str],
    quotechar: str,
    mapping: Mapping[str, str | None],
    contract_names: Collection[str],
    *,
    where: str,
) -> None:
    """Raise SourceError where names of the contract stand in quotes that are not the file's."""
    for opening, closing in map(tuple, _QUOTES):
        bare = map(_bare, names)
        inner = [name[1:-1] for name in bare if name[:1] + name[-1:] == opening + closing]
        if opening == quotechar or not any(mapping.get(name, name) in contract_names for name in inner):
            continue
        hint = "Set source.quotechar: " + ("'\"'" if opening == '"' else f'"{opening}"')
        if not opening.isascii():
            hint = "Export it with plain quotes, or replace them in a copy."
        raise SourceError(f"{where}: the header's cells are quoted by {opening}{closing}", hint=hint)


def check_not_one_cell(
    cell: str, used: str, mapping: Mapping[str, str | None], contract_names: Collection[str], *, where: str
) -> None:
    """Raise SourceError where the only cell of a header holds a whole header row."""
    if _has_columns(cell, used, mapping, contract_names):
        raise SourceError(
            f"{where}: the whole line is quoted, and so is one single cell",
            hint="Export it again with quotes around cells only, or take those around the lines off.",
        )


def _has_columns(
    line: str, delimiter: str, mapping: Mapping[str, str | None], contract_names: Collection[str]
) -> bool:
    """Whether a line, split so, names a column of the contract."""
    wanted = {_bare(name): attribute for name, attribute in mapping.items()}
    parts = [_bare(part.strip(" \"'\r\n")) for part in line.split(delimiter)]
    return len(parts) > 1 and any(wanted.get(part, part) in contract_names for part in parts)


def check_no_separator_line(line: str, skip_rows: int, *, where: str) -> None:
    """Raise SourceError where the line is a spreadsheet's word on the delimiter instead of a header."""
    bare = re.sub("[\"']", "", line.lstrip("\ufeff"))
    if not (found := re.fullmatch(r"\s*sep\s*=[ ]*(?:(\\t|tab)|([^\w ])\2*)?[ ]*", bare, re.IGNORECASE)):
        return
    delimiter = "\\t" if found[1] or found[2] == "\t" else found[2]
    hint = f"Set source.skip_rows: {skip_rows + 1}"
    hint += f' and source.delimiter: "{delimiter}"' if delimiter else ", and source.delimiter as it is"
    raise SourceError(f"{where}: is no header, but tells spreadsheets how columns are separated", hint=hint)


def hint_on_width(line: str, fields: int, used: str, width: int) -> str:
    """What to do where no record has as many fields as the header: `line` is the first, of so many fields."""
    for other, called in _DELIMITERS.items():
        if other != used and width > 1 and line.count(other) + 1 == width:
            delimiter = other.replace("\t", "\\t")
            return (
                f"The records are separated by {called}, the header is not: write the header so too, "
                f'and set source.delimiter: "{delimiter}".'
            )
    if fields == 1 and line.count(used) + 1 >= width:
        return "Each record is quoted as a whole: export it with quotes around cells only."
    if fields > width:
        return (
            f"The records have {fields} fields and the header {width}: end the header line with "
            f"{'one more delimiter' if fields == width + 1 else f'{fields - width} more delimiters'}. "
            "Columns without a name and without text are left out."
        )
    return (
        f"The header has {width} columns and the records {fields}: take out the names that have no cells, "
        "or set source.delimiter to what separates both."
    )


def has_text(cells: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Which rows have more than blanks in one of these columns; no nulls."""
    import polars as pl

    filled = (pl.col(name).str.strip_chars().fill_null("") != "" for name in columns)
    return cells.select(pl.any_horizontal(filled)).to_series()


def _bare(name: str) -> str:
    return _AROUND.sub("", name)
