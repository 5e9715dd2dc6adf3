"""How the table lies in the file: what parts its cells, where its header is, what follows its records."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from typing import NamedTuple

from pipeline.look.languages import TOTALS
from pipeline.look.sample import Sample
from pipeline.look.words import meanings, plain

RECORDS = 1000  # that are looked at
HEADER_LINES = 50  # among which the header is looked for
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_TOTALS = [plain(word) for word in TOTALS.split(",")]
_FIRST_WORDS = re.compile(r"""([\s;,|"']*)([0-9][0-9.,' ]*\s*)?([^\W\d_]+(?: [^\W\d_]+){0,2})""")


class Layout(NamedTuple):
    """The table: its delimiter, the lines before its header, the header, the first records, what follows.

    `footer` is a pattern of the line after the last record, None where there is none; `header` is empty where
    the file seems to have no header. `odd` counts the looked-at rows of another width, `last_is_odd` says the
    same of the last one.
    """

    delimiter: str
    called: str
    skip_rows: int
    header: list[str]
    records: list[list[str]]
    footer: str | None
    odd: int
    last_is_odd: bool


def layout_of(sample: Sample) -> Layout:
    """The layout of the table in a sample."""
    delimiter = max(_DELIMITERS, key=lambda one: _fit(sample.head, one))
    width = _width(_rows(sample.head, delimiter, 200))
    skip, header = _header(sample.head, delimiter, width)
    records, odd = list[list[str]](), 0
    reader = csv.reader(io.StringIO(sample.head, newline=""), delimiter=delimiter)
    for row in reader if header else ():
        if reader.line_num > skip + 1 and len(row) == width:
            records.append(row)
        elif reader.line_num > skip + 1 and row:
            odd += 1
        if len(records) == RECORDS:
            break
    if not sample.complete and records:
        records = records[:-1] if len(records) < RECORDS else records
    footer, lines, last_is_odd = _footer(sample.tail, delimiter, width)
    if sample.complete and lines and len(records) < RECORDS:
        over = sum(len(row) == width for row in lines)
        records, odd = records[: len(records) - over], odd - (len(lines) - over)
    return Layout(delimiter, _DELIMITERS[delimiter], skip, header, records, footer, odd, last_is_odd)


def _rows(text: str, delimiter: str, count: int) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [row for row, _ in zip(reader, range(count), strict=False)]


def _width(rows: list[list[str]]) -> int:
    widths = Counter(len(row) for row in rows if row)
    return max(widths, key=lambda width: (widths[width], width), default=1)


def _fit(text: str, delimiter: str) -> tuple[float, int]:
    """How well rows of one width come out, by that delimiter."""
    rows = [row for row in _rows(text, delimiter, 100) if row]
    width = _width(rows)
    return (
        (sum(len(row) == width for row in rows) / len(rows) if width > 1 else 0.0, width)
        if rows
        else (0.0, 0)
    )


def _header(text: str, delimiter: str, width: int) -> tuple[int, list[str]]:
    """How many lines stand before the header, and its cells; none where the table seems to have no header.

    One of its cells is known as a column's name, or all are names and there are addresses in the rows below.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found: list[tuple[int, list[str]]] = []
    before = 0
    for row in reader:
        cells = [cell.strip("\ufeff \t") for cell in row]
        named = sum(bool(re.search(r"[^\W\d_]", cell)) for cell in cells)
        if len(row) == width and named * 2 > width:
            found.append((before, cells))
        if (before := reader.line_num) >= HEADER_LINES:
            break
    names = [one for one in found if not _looks_like_a_record(one[1])]
    for one in names:
        if any(plain(cell) in meanings() for cell in one[1]):
            return one
    return names[0] if names and names[0] == found[0] and len(found) > len(names) * 2 else (0, [])


def _looks_like_a_record(header: list[str]) -> bool:
    return any(("@" in cell.strip("@") and "." in cell) or re.search("[0-9]{6}", cell) for cell in header)


def _footer(tail: str, delimiter: str, width: int) -> tuple[str | None, list[list[str]], bool]:
    """The pattern of the first line after the records, the rows from there on; whether the last is odd."""
    lines = [line for line in re.split(r"\r\n|[\r\n]", tail)[-11:] if line.strip(f' "{delimiter}')]
    found: str | None = None
    rows: list[list[str]] = []
    for line in reversed(lines):
        row = next(csv.reader([line], delimiter=delimiter), [])
        pattern = _totals(line)
        if pattern is None or (len(row) == width and any("@" in cell for cell in row)):
            break
        found, rows = pattern, [row, *rows]
    last = next(csv.reader(lines[-1:], delimiter=delimiter), [])
    return found, rows, bool(lines) and found is None and len(last) != width


def _totals(line: str) -> str | None:
    """A pattern of how this line begins, if that is a total or a count; None for any other."""
    begins = _FIRST_WORDS.match(line)
    words = begins[3].split(" ") if begins else []
    known = [at for at in range(1, len(words) + 1) if plain("".join(words[:at])) in _TOTALS]
    if not begins or not known:
        return None
    count = "[0-9.,' ]+" if begins[2] else ""
    return re.escape(begins[1]).replace("\\ ", " ") + count + " ".join(words[: known[-1]])
