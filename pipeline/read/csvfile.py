"""A CSV file as a Source: its head read, then cut into slices as it streams by.

A slice that is already written as the staged file will be (comma, `"`, all columns kept) hands its own
bytes on; any other is written anew from its cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline.handoffs import Header, Malformed, Table
from pipeline.read.csvhead import Head, Layout, cut_block, layout_of
from pipeline.read.header import has_text, header_of
from pipeline.read.stream import ByteStream, open_stream, shown
from pipeline.tabular.records import Broken, Records

if TYPE_CHECKING:
    import polars as pl

    from pipeline.config import SourceConfig
    from pipeline.contract.sieve import Sieve
    from pipeline.handoffs import Offsets

_MIB = 1 << 20
# What a rejects file has of its own behind the columns; no column of a source can be called so.
_MENDED_BY = ("\0place", "\0reasons", "\0raw")


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
        if layout.rejects:
            names = names[: -len(_MENDED_BY)]
        header = header_of(
            names, config.columns, contract_names=contract_names, resolve=resolve, where=head.where
        )
        yield CsvSource(header, layout, stream, head.line_after, step, head.hints(len(names)))


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

    @property
    def size(self) -> int | None:
        """Its bytes on disk, or None where that cannot be known."""
        return self.stream.size

    def slices(self) -> Iterator[CsvSlice]:
        """Its slices in order. Raises SourceError where the file cannot be read to its end."""
        carry, line, index, seen, final = b"", self.first_line, 0, 0, False
        while not final:
            # A record longer than a slice is read on in ever larger steps, not again and again.
            more = self.stream.read(max(self.step, len(carry)))
            final = not more
            # A slice that ends with a line need not be copied again to be cut off there.
            whole = more.rfind(b"\n") + 1 or len(more)
            as_it_is = not carry and whole == len(more)
            data = more if as_it_is else b"".join((carry, memoryview(more)[:whole]))
            found = cut_block(self.stream.name, data, self.layout, line, final=final)
            carry, line = data[found.used :] + more[whole:], found.line
            del more
            if found.used:
                size, seen = self.stream.position - seen, self.stream.position
                yield CsvSlice(index, size, self.header, self.layout, self.stream.transcoded, found.records)
                index += 1


@dataclass(frozen=True)
class CsvSlice:
    """Some records of a CSV file in a row (a `Slice`)."""

    index: int
    size: int
    header: Header
    layout: Layout
    transcoded: bool
    found: Records = field(repr=False)

    def table(self, sieve: Sieve | None = None) -> Table:
        """The slice taken apart: cells parsed, malformed records told, bytes in the staged form."""
        from pipeline.tabular.cells import CANONICAL, parse, write

        columns = self.header.columns
        all_kept = self.header.kept == tuple(range(len(columns)))
        mended_by = _MENDED_BY if self.layout.rejects else ()
        own_bytes = self.layout.dialect == CANONICAL and all_kept and not mended_by
        if own_bytes and sieve:
            return self._sieved(sieve)
        cells, records = parse(self.found, self.layout.dialect, (*columns, *mended_by))
        if mended_by:
            cells, records = _without_unmended(cells, records, columns)
        if self.header.blank:
            cells, records = _without_unnamed(cells, records, self.header.unnamed)
        written = records if own_bytes else write(cells.select(self.header.staged))
        return Table(
            cells=cells,
            rows=np.arange(len(records)),
            data=written.data,
            starts=written.starts,
            ends=written.stops,
            places=records.lines,
            malformed=self._malformed(records.broken, records.lines),
            size=self.size,
        )

    def _sieved(self, sieve: Sieve) -> Table:
        """The slice with only those records parsed that the sieve does not pass."""
        from pipeline.tabular.cells import CANONICAL, parse

        records = self.found.packed()
        well_formed, passed = sieve.passed(records)
        rest = records.at(np.flatnonzero(~well_formed))
        cells, read = parse(rest, CANONICAL, self.header.columns)
        parsed = np.searchsorted(records.lines, read.lines)  # no two records begin in one line
        well_formed[parsed] = True
        records = records.at(np.flatnonzero(well_formed))
        return Table(
            cells=cells,
            rows=np.searchsorted(records.lines, read.lines),
            data=records.data,
            starts=records.starts,
            ends=records.stops,
            places=records.lines,
            malformed=self._malformed(read.broken, records.lines),
            size=self.size,
            passed=passed,
        )

    def _malformed(self, found: Sequence[Broken], lines: Offsets) -> tuple[Malformed, ...]:
        """What is broken among well-formed records that begin at these lines."""
        before = lines.searchsorted([broken.line for broken in found]).tolist()
        return tuple(
            Malformed(one.line, count, one.reason, shown(one.raw, transcoded=self.transcoded))
            for one, count in zip(found, before, strict=True)
        )


def _without_unmended(
    cells: pl.DataFrame, records: Records, columns: Sequence[str]
) -> tuple[pl.DataFrame, Records]:
    """A rejects file's own cells, without the records that are still nothing but their raw text."""
    import polars as pl

    own = cells.select(columns)
    unmended = cells.select(pl.all_horizontal(pl.col(columns).is_null()) & pl.col("\0raw").is_not_null())
    mask = unmended.to_series()
    rows = mask.arg_true().to_list()
    raws = {i: text.encode() for i, text in zip(rows, cells["\0raw"].filter(mask), strict=True)}
    return own.filter(~mask), records.without(dict.fromkeys(rows, "not_mended"), raws)


def _without_unnamed(
    cells: pl.DataFrame, records: Records, unnamed: Sequence[str]
) -> tuple[pl.DataFrame, Records]:
    """The records that hold no text where the header gives no name."""
    mask = has_text(cells, unnamed)
    if not mask.any():
        return cells, records
    return cells.filter(~mask), records.without(dict.fromkeys(mask.arg_true().to_list(), "unnamed_cell"))
