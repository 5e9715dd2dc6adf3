"""A CSV file as a Source: its head read, then cut into slices as it streams by.

A slice that is already written as the staged file will be (comma, `"`, all columns kept) hands its own
bytes on; any other is written anew from its cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from pipeline.csv.cells import CANONICAL, parse, write
from pipeline.csv.records import Malformed, Records
from pipeline.handoffs import Header, Table
from pipeline.read import mended
from pipeline.read.csvhead import Head, Layout, cut_block, layout_of
from pipeline.read.footer import WithoutFooter
from pipeline.read.header import has_text, header_of
from pipeline.read.stream import ByteStream, open_stream, printable

if TYPE_CHECKING:
    import polars as pl

    from pipeline.config import SourceConfig

_MIB = 1 << 20


@contextmanager
def open_csv(
    path: str,
    config: SourceConfig,
    *,
    contract_names: Sequence[str],
    slice_bytes: int | None,
    resolve: Callable[[Sequence[str], str], tuple[int, ...]],
) -> Iterator[CsvSource]:
    """The CSV at `path` (`-`: standard input) as a Source; see `open_source`."""
    with open_stream(path) as stream:
        layout = layout_of(stream, config)
        stream.decode(layout.encoding)
        step = slice_bytes or _slice_bytes(stream.size)
        head = Head(stream, layout, min(step, 1 << 16))
        names = head.names(config.columns, contract_names)
        place: Literal["_line", "_row"] = "_line"
        if layout.added:
            own = len(names) - len(layout.added)
            place, names = ("_row" if names[own] == "_row" else "_line"), names[:own]
        header = header_of(
            names, config.columns, contract_names=contract_names, resolve=resolve, where=head.where
        )
        yield CsvSource(header, layout, stream, head.line_after, step, head.hints(len(names)), place)


def _slice_bytes(size: int | None) -> int:
    """4 MiB; less for a file that would not make four such slices, up to 10 for one that makes many."""
    size = size or 64 * _MIB
    return min(max(2 * _MIB, size // 4), max(4 * _MIB, size // 16), 10 * _MIB)


@dataclass(frozen=True)
class CsvSource:
    """An opened CSV file (a `Source`), its stream standing at physical line `first_line`."""

    header: Header
    layout: Layout
    stream: ByteStream
    first_line: int
    step: int
    hints: Mapping[str, str]
    place_column: Literal["_line", "_row"] = "_line"
    doubts: list[str] = field(default_factory=list)

    @property
    def size(self) -> int | None:
        """Its bytes on disk, or None where that cannot be known."""
        return self.stream.size

    @property
    def name(self) -> str:
        """Its path as it was given, or "standard input"."""
        return self.stream.name

    @property
    def crc32(self) -> int | None:
        """That of its bytes, unpacked, as far as they are read."""
        return self.stream.crc32

    @property
    def added(self) -> tuple[str, ...]:
        """The columns that a rejects file has beside its own."""
        return self.layout.added

    @property
    def delimiter(self) -> str:
        """What stands between two cells."""
        return self.layout.dialect.delimiter

    @property
    def encoding(self) -> str:
        """What the file is written in."""
        return self.stream.encoding

    def slices(self) -> Iterator[CsvSlice]:
        """Its slices in order. Raises SourceError where the file cannot be read to its end."""
        carry, line, index, seen, final = b"", self.first_line, 0, 0, False
        width = len(self.header.columns) + len(self.layout.added)
        footer = self.layout.footer
        without = WithoutFooter(self.stream, footer, self.layout.dialect, width) if footer else None
        stream = without or self.stream
        while not final:
            # A record longer than a slice is read on in ever larger steps, not again and again.
            more = stream.read(max(self.step, len(carry)))
            final = not more
            # A slice that ends with a line need not be copied again to be cut off there.
            end = more.rfind(b"\n") + 1 or len(more)
            as_it_is = not carry and end == len(more)
            data = more if as_it_is else b"".join((carry, memoryview(more)[:end]))
            found = cut_block(self.stream.name, data, self.layout, line, width=width, final=final)
            carry, line = data[found.used :] + more[end:], found.line
            del more
            if found.used:
                size, seen = self.stream.position - seen, self.stream.position
                yield CsvSlice(index, size, self.header, self.layout, self.stream.transcoded, found.records)
                index += 1
        if without and without.doubtful:
            self.doubts.append(
                f"source.footer left out {without.doubtful} lines at the end that are as wide as records."
            )


@dataclass(frozen=True)
class CsvSlice:
    """Some records of a CSV file in a row (a `Slice`)."""

    index: int
    size: int
    header: Header
    layout: Layout
    transcoded: bool
    found: Records = field(repr=False)

    def table(self, wanted: Sequence[str]) -> Table:
        """The slice as text: its own bytes where they are in the staged form, else written anew."""
        columns, layout, unnamed = self.header.columns, self.layout, self.header.unnamed
        earlier = None
        if layout.added:
            cells, found = parse(self.found, layout.dialect, (*columns, *layout.added))
            found = replace(found, places=mended.first_places(cells, found.places))
            cells, found = _without_unmended(cells, found, columns)
            cells, found = _without_unnamed(cells, found, unnamed)
            cells, earlier = cells.select(columns), mended.earlier(cells)
            records = _written(cells, found)
        elif layout.dialect == CANONICAL:
            cells, records = parse(self.found, layout.dialect, columns, dict.fromkeys((*wanted, *unnamed)))
            cells, records = _without_unnamed(cells, records, unnamed)
        else:
            cells, found = parse(self.found, layout.dialect, columns)
            cells, found = _without_unnamed(cells, found, unnamed)
            records = _written(cells, found)
        records = replace(records, malformed=tuple(map(self._printable, records.malformed)))
        return Table(records, cells, earlier)

    def _printable(self, one: Malformed) -> Malformed:
        return replace(one, raw=printable(one.raw, transcoded=self.transcoded).encode())


def _written(cells: pl.DataFrame, found: Records) -> Records:
    return replace(write(cells), places=found.places, malformed=found.malformed)


def _without_unmended(
    cells: pl.DataFrame, records: Records, columns: Sequence[str]
) -> tuple[pl.DataFrame, Records]:
    """A rejects file's cells, without the records that are still nothing but their raw text."""
    mask = mended.unmended(cells, columns)
    rows = mask.arg_true().to_list()
    raws = {i: text.encode() for i, text in zip(rows, cells["\0raw"].filter(mask), strict=True)}
    return cells.filter(~mask), records.without(dict.fromkeys(rows, "not_mended"), raws)


def _without_unnamed(
    cells: pl.DataFrame, records: Records, unnamed: Sequence[str]
) -> tuple[pl.DataFrame, Records]:
    """The records that hold no text where the header gives no name."""
    if not unnamed or not (mask := has_text(cells, unnamed)).any():
        return cells, records
    return cells.filter(~mask), records.without(dict.fromkeys(mask.arg_true().to_list(), "unnamed_cell"))
