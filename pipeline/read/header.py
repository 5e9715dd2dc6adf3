"""The head of a table: from the names a source gives its columns to the attributes of the contract.

Blanks and invisible characters around a header name do not count, as they are never meant.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence

from pipeline.errors import SourceError

# A BOM in the middle of a file, zero-width spaces and joiners, soft hyphens: copied along, and not seen.
_AROUND = re.compile(r"^[\s\ufeff\u200b-\u200f\u2060\u00ad]+|[\s\ufeff\u200b-\u200f\u2060\u00ad]+\Z")
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


def attributes(names: Sequence[str], mapping: Mapping[str, str], *, where: str) -> tuple[str, ...]:
    """The attribute of each column: what `mapping` says, else the name itself, without blanks around.

    Raises SourceError, which begins with `where`, for a blank or repeated name, an entry of `mapping`
    that names no column, and two columns for one attribute.
    """
    bare = [_bare(name) for name in names]
    for number, name in enumerate(bare, 1):
        if not name:
            raise SourceError(
                f"{where}: column {number} of the header has no name",
                hint="Name every column, or delete the empty one; source.skip_rows passes over lines before "
                "the header.",
            )
    _check_distinct(bare, f"{where}: the header gives the same name to columns")
    wanted = {_bare(name): attribute for name, attribute in mapping.items()}
    for name in wanted:
        if name not in bare:
            near = difflib.get_close_matches(name, bare, n=3)
            raise SourceError(
                f"{where}: source.columns maps {name!r}, and no column of the header is called so",
                hint=f"Did you mean {' or '.join(map(repr, near))}?" if near else "Compare with the header.",
            )
    columns = tuple(wanted.get(name, name) for name in bare)
    _check_distinct(columns, f"{where}: source.columns gives the same attribute to columns")
    return columns


def _check_distinct(names: Sequence[str], complaint: str) -> None:
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if name in first:
            raise SourceError(
                f"{complaint} {first[name]} and {number}", hint="Rename or drop one of the two."
            )
        first[name] = number


def check_delimiter(
    line: str, used: str, mapping: Mapping[str, str], contract_names: Collection[str], *, where: str
) -> None:
    """Raise SourceError where another delimiter would find columns of the contract in a header line."""
    for other, called in _DELIMITERS.items():
        if other != used and _has_columns(line, other, mapping, contract_names):
            shown = other.replace("\t", "\\t")
            raise SourceError(
                f"{where}: the header's columns are not separated by {_DELIMITERS.get(used, repr(used))} "
                f"but by {called}",
                hint=f'Set source.delimiter: "{shown}"',
            )


def check_not_one_cell(
    cell: str, used: str, mapping: Mapping[str, str], contract_names: Collection[str], *, where: str
) -> None:
    """Raise SourceError where the only cell of a header holds a whole header row."""
    if _has_columns(cell, used, mapping, contract_names):
        raise SourceError(
            f"{where}: the whole line is quoted, and so is one single cell",
            hint="Export it again with quotes around cells only, or take those around the lines off.",
        )


def _has_columns(
    line: str, delimiter: str, mapping: Mapping[str, str], contract_names: Collection[str]
) -> bool:
    """Whether a line, split so, names a column of the contract."""
    wanted = {_bare(name): attribute for name, attribute in mapping.items()}
    parts = [_bare(part.strip(" \"'\r\n")) for part in line.split(delimiter)]
    return len(parts) > 1 and any(wanted.get(part, part) in contract_names for part in parts)


def check_no_separator_line(line: bytes, skip_rows: int, *, where: str) -> None:
    """Raise SourceError where the line is a spreadsheet's word on the delimiter instead of a header."""
    if found := re.fullmatch(rb'"?sep=([ -~\t])"?', line, re.IGNORECASE):
        shown = found[1].decode().replace("\t", "\\t")
        raise SourceError(
            f"{where}: is no header, but tells spreadsheets how columns are separated",
            hint=f'Set source.skip_rows: {skip_rows + 1} and source.delimiter: "{shown}"',
        )


def _bare(name: str) -> str:
    return _AROUND.sub("", name)


def is_rejects(names: Sequence[str]) -> bool:
    """Whether these are the columns of a rejects file of ours."""
    return len(names) > 3 and names[-3] in ("_line", "_row") and tuple(names[-2:]) == ("_reasons", "_raw")
