"""The head of a table: from the names a source gives its columns to the attributes of the contract.

Blanks around a header name do not count when it is looked up, as they are never meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence

from pipeline.errors import SourceError

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


def attributes(names: Sequence[str], mapping: Mapping[str, str], *, where: str) -> tuple[str, ...]:
    """The attribute of each column: what `mapping` says, else the name itself, without blanks around.

    Raises SourceError, which begins with `where`, for a blank or repeated name, an entry of `mapping`
    that names no column, and two columns for one attribute.
    """
    bare = [name.strip() for name in names]
    for number, name in enumerate(bare, 1):
        if not name:
            raise SourceError(
                f"{where}: column {number} of the header has no name",
                hint="Name every column, or delete the empty one.",
            )
    _check_distinct(bare, f"{where}: the header gives the same name to columns")
    wanted = {name.strip(): attribute for name, attribute in mapping.items()}
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
    wanted = {name.strip(): attribute for name, attribute in mapping.items()}
    for other, called in _DELIMITERS.items():
        parts = [part.strip(" \"'\r\n") for part in line.split(other)]
        if other != used and len(parts) > 1 and any(wanted.get(p, p) in contract_names for p in parts):
            shown = other.replace("\t", "\\t")
            raise SourceError(
                f"{where}: the header's columns are not separated by {_DELIMITERS.get(used, repr(used))} "
                f"but by {called}",
                hint=f'Set source.delimiter: "{shown}"',
            )


def is_rejects(names: Sequence[str]) -> bool:
    """Whether these are the columns of a rejects file of ours."""
    return len(names) > 3 and names[-3] in ("_line", "_row") and tuple(names[-2:]) == ("_reasons", "_raw")
