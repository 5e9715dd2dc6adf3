"""A DataFrame as a Source: row ranges of it, each turned into text where it is worked on.

Rows are counted from 0, the index does not count. What each value becomes is told in `pipeline.csv.text`.
A one-shot Arrow stream is read once, batch by batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from pipeline.arrays import Offsets
from pipeline.csv.cells import write
from pipeline.csv.text import NoTextError, Text, of_series
from pipeline.errors import SourceError
from pipeline.handoffs import Header, Table
from pipeline.names import LEFT_OUT
from pipeline.read import mended
from pipeline.read.columns import arrow_text, has_only_days, pandas_text
from pipeline.read.framehead import check_index, head_of
from pipeline.read.header import UNNAMED_HINT, has_text
from pipeline.read.stream import printable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pipeline.config import SourceConfig

_SLICE_BYTES = 16 << 20
_CELL_BYTES = 16  # a guess that only decides how many rows make a slice
# Some rows: how many, and for each column what makes it text.
Piece = tuple[int, Sequence[Callable[[], Text]]]


@contextmanager
def open_pandas(
    frame: pd.DataFrame, config: SourceConfig, *, slice_bytes: int | None, **contract: Any
) -> Iterator[FrameSource]:
    """A pandas DataFrame as a Source; see `open_source`."""
    rows, width = frame.shape
    check_index(frame, config, contract["contract_names"])
    head = head_of(list(frame.columns), config, **contract)
    days = [has_only_days(frame.iloc[:, i]) or takes for i, takes in enumerate(head.days)]
    pieces = partial(pandas_pieces, frame, step_of(width, slice_bytes), days)
    yield FrameSource(head.header, head.added, rows, pieces)


def pandas_pieces(frame: pd.DataFrame, step: int, days: Sequence[bool]) -> Iterator[Piece]:
    """A pandas DataFrame in pieces of `step` rows; in columns that are of `days` a midnight is its day."""
    for at in range(0, len(frame), step):
        part = frame.iloc[at : at + step]
        yield len(part), [partial(pandas_text, part.iloc[:, i], days=each) for i, each in enumerate(days)]


@contextmanager
def open_polars(
    frame: pl.DataFrame, config: SourceConfig, *, slice_bytes: int | None, **contract: Any
) -> Iterator[FrameSource]:
    """A polars DataFrame as a Source; see `open_source`."""
    head = head_of(frame.columns, config, **contract)

    def pieces() -> Iterator[Piece]:
        for part in frame.iter_slices(step_of(frame.width, slice_bytes)):
            columns = zip(part, head.days, strict=True)
            yield part.height, [partial(of_series, column, days=days) for column, days in columns]

    yield FrameSource(head.header, head.added, frame.height, pieces)


@contextmanager
def open_arrow(
    stream: Any, config: SourceConfig, *, slice_bytes: int | None, **contract: Any
) -> Iterator[FrameSource]:
    """Anything with `__arrow_c_stream__` as a Source; see `open_source`."""
    import pyarrow as pa

    try:
        if hasattr(pa.RecordBatchReader, "from_stream"):
            reader = pa.RecordBatchReader.from_stream(stream)
        else:  # pyarrow 14 takes a stream whole or not at all
            reader = pa.table(stream).to_reader()
    except (pa.ArrowException, OSError):
        raise _broken_stream() from None
    head = head_of(reader.schema.names, config, **contract)
    step = step_of(len(reader.schema), slice_bytes)

    def pieces() -> Iterator[Piece]:
        return arrow_pieces(iter(partial(_next, reader), None), step, head.days)

    rows = getattr(stream, "num_rows", None)
    yield FrameSource(head.header, head.added, rows if isinstance(rows, int) else None, pieces)


def arrow_pieces(batches: Iterator[pa.RecordBatch], step: int, days: Sequence[bool]) -> Iterator[Piece]:
    """Arrow batches in pieces of about `step` rows; in columns that are of `days` a midnight is its day."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= step:
            yield from _pieces_of(waiting, step, days)
            waiting = []
    yield from _pieces_of(waiting, step, days)


def _next(reader: Any) -> Any:
    import pyarrow as pa

    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
    except (pa.ArrowException, OSError):
        raise _broken_stream() from None


def _broken_stream() -> SourceError:
    return SourceError(
        "The Arrow stream cannot be read to its end.",
        hint="Check what makes it, or write it to a CSV and pass that.",
    )


def _pieces_of(batches: list[Any], step: int, days: Sequence[bool]) -> Iterator[Piece]:
    import pyarrow as pa

    if not batches:
        return
    table = pa.Table.from_batches(batches)
    for at in range(0, table.num_rows, step):
        part = table.slice(at, step)
        columns = zip(part.columns, days, strict=True)
        yield part.num_rows, [partial(arrow_text, column, days=each) for column, each in columns]


def step_of(width: int, slice_bytes: int | None = None) -> int:
    """How many rows of so many columns make a slice."""
    return max(1, (slice_bytes or _SLICE_BYTES) // (width * _CELL_BYTES))


@dataclass(frozen=True)
class FrameSource:
    """An opened frame (a `Source`), or a piece of one whose first row has the number `first`."""

    header: Header
    added: tuple[str, ...]
    size: int | None
    pieces: Callable[[], Iterator[Piece]] = field(repr=False)
    first: int = 0
    place_column: Literal["_line", "_row"] = "_row"
    name: str = "a frame"
    crc32: None = None

    @property
    def delimiter(self) -> str:
        """What stands between two cells of a rejects file."""
        return ","

    @property
    def encoding(self) -> str:
        """What a rejects file is written in."""
        return "utf-8"

    @property
    def doubts(self) -> tuple[str, ...]:
        """A frame leaves nothing out."""
        return ()

    @property
    def hints(self) -> Mapping[str, str]:
        """What to do where nearly all records are malformed, by the reason."""
        return {"unnamed_cell": UNNAMED_HINT}

    def slices(self) -> Iterator[FrameSlice]:
        """Its slices in order. Raises SourceError where an Arrow stream breaks off."""
        first = self.first
        for index, (rows, texts) in enumerate(self.pieces()):
            yield FrameSlice(index, rows, first, self.header, self.added, texts)
            first += rows


@dataclass(frozen=True)
class FrameSlice:
    """Some rows of a frame (a `Slice`); `first` is the row it begins with."""

    index: int
    size: int
    first: int
    header: Header
    added: tuple[str, ...]
    texts: Sequence[Callable[[], Text]] = field(repr=False)

    def table(self, wanted: Sequence[str]) -> Table:  # noqa: ARG002 - all are there, to be written
        """The rows as cells and as bytes.

        Raises SourceError for a value that has no certain text.
        """
        names = (*self.header.names, *self.added)
        columns = (*self.header.columns, *self.added)
        found = [self._text(*named) for named in zip(names, columns, self.texts, strict=True)]
        named = {name: text.cells for name, text in zip(columns, found, strict=True)}
        cells = pl.DataFrame(named).with_columns(pl.when(pl.all() != "").then(pl.all()))
        own = cells.select(self.header.columns)
        written = write(own)
        reasons = dict.fromkeys((row for text in found for row in text.undecodable), "encoding")
        if self.added or b"\0" in written.data:
            nul = cells.select(pl.any_horizontal(pl.all().str.contains("\0", literal=True))).to_series()
            for row in nul.arg_true().to_list():
                reasons.setdefault(row, "nul")
        for row in has_text(own, self.header.unnamed).arg_true().to_list() if self.header.blank else ():
            reasons.setdefault(row, "unnamed_cell")
        places: Offsets = np.arange(self.first, self.first + self.size)
        own_bytes = {row: written.data[written.starts[row] : written.ends[row]] for row in reasons}
        raws = {row: printable(raw, transcoded=False).encode() for row, raw in own_bytes.items()}
        if self.added:
            places = mended.first_places(cells, places)
            for row in mended.unmended(cells, self.header.columns).arg_true().to_list():
                reasons[row], raws[row] = "not_mended", cells["\0raw"][row].encode()
        records = replace(written, places=places).without(reasons, raws)
        if reasons:
            cells = cells.filter(~pl.int_range(self.size, eager=True).is_in(list(reasons)))
        return Table(records, cells.select(own.columns), mended.earlier(cells) if self.added else None)

    def _text(self, name: str, column: str, text: Callable[[], Text]) -> Text:
        try:
            return text()
        except NoTextError as error:
            if column.startswith(LEFT_OUT):
                return Text(pl.Series([None] * self.size, dtype=pl.String), [])
            row = "" if error.row is None else f", row {self.first + error.row}"
            raise SourceError(
                f"The DataFrame, column {name!r}{row}: {error.why}",
                hint="Turn the column into the text you want before: it is staged as it is.",
            ) from None
