"""The head of a CSV file: how it is written, what its columns are called, where its records begin."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from pipeline.csv.cutting import LINE_FACTOR, Cut, LineTooLongError, cut
from pipeline.csv.dialect import Dialect
from pipeline.csv.records import Malformed
from pipeline.errors import SourceError
from pipeline.names import columns_added
from pipeline.read.encoding import marked_encoding
from pipeline.read.header import (
    UNNAMED_HINT,
    check_no_separator_line,
    check_not_one_cell,
    check_quoted,
    check_separated,
    hint_on_width,
)
from pipeline.read.stream import ByteStream

if TYPE_CHECKING:
    from pipeline.config import SourceConfig

_LINE_END = re.compile(rb"\r\n|[\r\n]")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written; `added` are the columns that a rejects file of ours adds to its source's."""

    dialect: Dialect
    encoding: str | None
    skip_rows: int
    header_rows: int
    limit: int
    added: tuple[str, ...] = ()
    footer: str | None = None


def layout_of(stream: ByteStream, config: SourceConfig) -> Layout:
    """As the config says, but a rejects file has one row of header.

    It has the source's delimiter and encoding, or those that a program gave it that saved it again: by its
    mark, else UTF-8 if it is that, else the configured encoding.
    """
    limit = config.max_record_bytes
    configured = Dialect(config.delimiter, config.quotechar, config.escapechar)
    for head, encoding in _heads(stream, config.encoding):
        for dialect in (Dialect(config.delimiter), Dialect(), configured):
            if added := columns_added(_first_row(head, dialect)):
                # Its _raw may hold a whole malformed line, each byte of it shown as \xNN.
                return Layout(dialect, encoding, 0, 1, limit * LINE_FACTOR * 4, added)
    rows = config.skip_rows, config.header_rows
    return Layout(configured, config.encoding, *rows, limit, footer=config.footer)


def _heads(stream: ByteStream, configured: str | None) -> Iterator[tuple[bytes, str | None]]:
    """The file's beginning as UTF-8, by each encoding that it may be in; None: its mark or bytes say it."""
    if marked := marked_encoding(stream.head):
        yield _in_utf8(stream.head, marked), None
        return
    own, is_utf8 = _in_utf8(stream.head, configured or "utf-8"), stream.is_utf8()
    # Bytes of other encodings may be UTF-8 too: of those with 7 bits, or with a NUL in each letter.
    if not is_utf8 or (own != stream.head and (stream.head.isascii() or b"\0" in stream.head)):
        yield own, configured
    yield stream.head, None if is_utf8 else configured


def _in_utf8(head: bytes, encoding: str) -> bytes:
    return head.decode(encoding, "replace").encode("utf-8", "replace")


def _first_row(head: bytes, dialect: Dialect) -> list[str]:
    first = cut(head.removeprefix(codecs.BOM_UTF8), dialect, len(head)).records
    fields = dialect.fields(first.data[first.starts[0] : first.ends[0]]) if len(first) else []
    return [field.decode("utf-8", "replace") for field in fields]


def cut_block(name: str, data: bytes, layout: Layout, line: int, *, width: int = 0, final: bool) -> Cut:
    """`cut`, where a line that never ends is a SourceError."""
    try:
        return cut(data, layout.dialect, layout.limit, width=width, line=line, final=final)
    except LineTooLongError as error:
        raise _endless(name, error.line, layout) from None


def _endless(name: str, line: int, layout: Layout) -> SourceError:
    return SourceError(
        f"{name}, line {line}: goes on for more than {layout.limit * LINE_FACTOR:,} bytes",
        hint="Is this a CSV file? If its lines are that long, raise source.max_record_bytes.",
    )


class Head:
    """The first rows of a file while they are read: preamble, then header, or the first record.

    `where` names them in messages, `line_after` is the physical line that follows, `next_line` what stands in
    the next line that is not blank, as far as it is read.
    """

    def __init__(self, stream: ByteStream, layout: Layout, step: int) -> None:
        self._layout = layout
        self._first_line = layout.skip_rows + 1
        self.where = f"{stream.name}, line {self._first_line}"
        data, final = b"", False
        entries: list[bytes | Malformed] = []
        used = at = 0
        while not final and len(entries) < max(layout.header_rows, 1):
            more = stream.read(max(step, len(data)))
            data, final = data + more, not more
            at = _after_lines(data, layout.skip_rows, final=final)
            if at >= 0:
                entries, used = self._entries(stream.name, data[at:], final=final)
            elif len(data) > layout.limit * LINE_FACTOR:
                raise _endless(stream.name, 1, layout)
        self.entries = entries
        self.next_line = (_LINE_END.split(data[at + used :].lstrip(b"\r\n"), 1) or [b""])[0]
        stream.unread(data[at + used :])
        self.line_after = self._first_line + len(_LINE_END.findall(data[at : at + used]))

    def _entries(self, name: str, data: bytes, *, final: bool) -> tuple[list[bytes | Malformed], int]:
        """The records that make the head, as far as they are there yet, and the header's bytes."""
        records = cut_block(name, data, self._layout, self._first_line, final=final).records
        found: dict[int, bytes | Malformed] = {broken.place: broken for broken in records.malformed}
        wanted = max(self._layout.header_rows, 1)
        spans = zip(records.places[:wanted], records.starts, records.ends, strict=False)
        found |= {int(line): records.data[a:b] for line, a, b in spans}
        entries = [found[line] for line in sorted(found)[:wanted]]
        used = records.stops[: self._layout.header_rows]
        return entries, int(used[-1]) if len(used) else 0

    def names(self, mapping: Mapping[str, str | None], contract_names: Sequence[str]) -> tuple[str, ...]:
        """The names of the file's columns; without header the contract's. Raises SourceError."""
        if self.entries:
            check_no_separator_line(_text(self.entries[0]), self._layout.skip_rows, where=self.where)
        rows = [self._row(entry, mapping, contract_names) for entry in self.entries]
        if not self._layout.header_rows:
            self._check_width(rows, contract_names)
            return tuple(contract_names)
        if len(rows) < self._layout.header_rows:
            raise SourceError(
                f"{self.where}: the file ends before its header does",
                hint="Check source.skip_rows and source.header_rows, and whether the export was finished.",
            )
        if len({len(row) for row in rows}) > 1:
            raise SourceError(
                f"{self.where}: the header's rows have {' and '.join(str(len(row)) for row in rows)} columns",
                hint="Check source.skip_rows and source.header_rows.",
            )
        if not any(mapping.get(name.strip(), name.strip()) in contract_names for name in rows[0]):
            quotechar, used = self._layout.dialect.quotechar, self._layout.dialect.delimiter
            check_quoted(rows[0], quotechar, mapping, contract_names, where=self.where)
            self._check_delimiter(_text(self.entries[0]), mapping, contract_names)
            if len(rows[0]) == 1:
                check_not_one_cell(rows[0][0], used, mapping, contract_names, where=self.where)
        if len(rows) == 1:
            return tuple(rows[0])
        return tuple(" ".join(filter(None, map(str.strip, parts))) for parts in zip(*rows, strict=True))

    def hints(self, width: int) -> dict[str, str]:
        """What to do where nearly all records are malformed, by the reason; `width` is the header's."""
        encoding = self._layout.encoding or "UTF-8"
        line = self.next_line.decode("utf-8", "replace")
        try:
            fields = len(self._layout.dialect.fields(self.next_line))
        except ValueError:  # it is no whole record
            fields = line.count(self._layout.dialect.delimiter) + 1
        return {
            "encoding": f"The file is not in {encoding}: set source.encoding to what it was saved in; "
            "files from Windows are often cp1252.",
            "nul": "Text with NUL bytes is often UTF-16: set source.encoding: utf-16-le.",
            "field_count": hint_on_width(line, fields, self._layout.dialect.delimiter, width),
            "quote": "Quotes stand in the middle of cells: set source.escapechar: '\\' if a backslash stands "
            "before them, or source.quotechar: '' if quotes enclose nothing in this file.",
            "too_long": "Set source.max_record_bytes to more than the longest record has.",
            "unnamed_cell": UNNAMED_HINT,
        }

    def _row(
        self, entry: bytes | Malformed, mapping: Mapping[str, str | None], contract_names: Sequence[str]
    ) -> list[str]:
        if isinstance(entry, Malformed):
            if not self._layout.header_rows:
                return []
            self._check_delimiter(_text(entry), mapping, contract_names)
            raise SourceError(
                f"{self.where}: the header is malformed ({entry.reason})",
                hint="Check source.quotechar, source.delimiter and source.skip_rows.",
            )
        try:
            row = [cell.decode() for cell in self._layout.dialect.fields(entry)]
        except UnicodeDecodeError:
            raise SourceError(
                f"{self.where}: is not written in the encoding that was expected, "
                f"{self._layout.encoding or 'UTF-8'}",
                hint="Set source.encoding; files from Windows are often cp1252.",
            ) from None
        if any("\0" in cell for cell in row):
            raise SourceError(f"{self.where}: holds a NUL byte", hint="Is this a CSV file?")
        return row

    def _check_delimiter(
        self, line: str, mapping: Mapping[str, str | None], contract_names: Sequence[str]
    ) -> None:
        check_separated(line, self._layout.dialect.delimiter, mapping, contract_names, where=self.where)

    def _check_width(self, rows: list[list[str]], contract_names: Sequence[str]) -> None:
        if rows and rows[0] and len(rows[0]) != len(contract_names):
            raise SourceError(
                f"{self.where}: the first record has {len(rows[0])} fields, "
                f"the contract {len(contract_names)}",
                hint="source.header_rows: 0 takes the fields in the contract's order: "
                f"{', '.join(contract_names)}. Check source.delimiter too, or add a header.",
            )


def _text(entry: bytes | Malformed) -> str:
    return (entry.raw if isinstance(entry, Malformed) else entry).decode("utf-8", "replace")


def _after_lines(data: bytes, count: int, *, final: bool) -> int:
    """Where the first `count` physical lines of `data` end, or -1 while that is not sure."""
    at = 0
    for found in islice(_LINE_END.finditer(data), count):
        at, count = found.end(), count - 1
    unsure = count or (at and at == len(data))
    return (len(data) if final else -1) if unsure else at
