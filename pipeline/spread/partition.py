"""What a worker does with a partition: pass 1 measures it, pass 2 sorts it and puts it where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from pydantic import SecretStr

from pipeline.arrays import Offsets
from pipeline.contract.faults import Found
from pipeline.contract.rules import Keep
from pipeline.errors import PipelineError, SourceError, Unexpected
from pipeline.handoffs import Examined, Plan
from pipeline.read.frame import FrameSource, Piece, arrow_pieces, pandas_pieces, step_of
from pipeline.result import Fingerprint
from pipeline.s3.checksums import fingerprint, joined
from pipeline.spread.parts import Cut, put_object, put_part
from pipeline.spread.records import Counts, Failed, Measured, Record, Share, Target, encoded
from pipeline.unique.neighbours import KEYS, REPEATS, key_rows, repeated
from pipeline.validation import examine, header_row, split
from pipeline.wire import hushed

if TYPE_CHECKING:
    from pipeline.engines.mapreduce import Batches, Partition

MEASURED = REPEATS.append(pa.field("record", pa.binary()))
PIECES = pa.schema([("number", pa.int32()), ("start", pa.int64()), ("data", pa.binary())])
RECORDS = pa.schema([("record", pa.binary())])
CHANGED = "Partition {} is not what it was when it was read before: its rows, or their order, differ."
EMPTY = Fingerprint(0, 0, 0, 1)
HINT = (
    "Nothing is visible in the bucket. What is computed anew each time must come out the same: persist the "
    "frame, or write it out and read it back (Spark: checkpoint), and run again."
)


@dataclass(frozen=True)
class Rows:
    """How a partition becomes slices: which columns are of days, and which a rejects file has added."""

    plan: Plan
    added: tuple[str, ...]
    days: Sequence[bool]

    def examined(self, partition: Partition, first: int = 0) -> Iterator[Examined]:
        """The slices of a partition, each examined; its first row has the number `first`."""

        def pieces() -> Iterator[Piece]:
            step = step_of(len(self.days))
            if isinstance(partition, pd.DataFrame):
                return pandas_pieces(partition, step, self.days)
            return arrow_pieces(partition, step, self.days)

        source = FrameSource(self.plan.header, self.added, None, pieces, first)
        for piece in source.slices():
            if piece.size:
                yield examine(piece, self.plan)


@dataclass(frozen=True)
class Measure:
    """Pass 1: keys of the rows to be compared, and what the partition comes to."""

    rows: Rows
    keeps: Sequence[Keep]

    def map(self, number: int, partition: Partition) -> Batches:
        """Key rows, and a record."""
        return _reporting(lambda: self._measured(number, partition), _as_key)

    def reduce(self, sorted_rows: Batches) -> Batches:
        """The rows that repeat others, and all records."""
        records: list[bytes] = []

        def keys() -> Batches:
            for batch in sorted_rows:
                is_record = batch.column("rule").to_numpy() < 0
                records.extend(batch.filter(pa.array(is_record)).column("key").to_pylist())
                yield batch.filter(pa.array(~is_record))

        for batch in repeated(keys(), self.keeps):
            none = pa.nulls(batch.num_rows, pa.binary())
            yield pa.RecordBatch.from_arrays([*batch.columns, none], schema=MEASURED)
        for record in records:
            yield pa.RecordBatch.from_pylist([{"record": record}], MEASURED)

    def _measured(self, number: int, partition: Partition) -> Batches:
        content, rejected, length, first = EMPTY, 0, 0, 0
        try:
            for examined in self.rows.examined(partition):
                sizes: Offsets = examined.staged.stops - examined.staged.starts
                sizes[examined.faults.rows] = 0
                yield from key_rows(examined.keys, number, first, sizes)
                first += len(examined.records)
                content = joined(content, _content(examined))
                rejected += len(examined.faults.failing) + len(examined.records.malformed)
                length += int(sizes.sum())
        except SourceError as error:
            raise SourceError(
                f"Partition {number}, counted from 0: {error.message}", hint=error.hint
            ) from None
        yield _as_key(Measured(number, content, rejected, length, _probe(self.rows.plan.seed)))


@dataclass(frozen=True)
class Stage:
    """Pass 2: good bytes to the parts of `target`, rejects to their own objects; None: nowhere."""

    rows: Rows
    shares: Mapping[int, Share] = field(repr=False)
    target: Target | None
    rejects: Mapping[int, tuple[SecretStr, Mapping[str, str]]] = field(repr=False)

    def map(self, number: int, partition: Partition) -> Batches:
        """Pieces of parts that begin or end elsewhere, and records."""
        return _reporting(lambda: self._staged(number, partition), _as_piece)

    def reduce(self, pieces: Batches) -> Batches:
        """Records, of the parts put together here too."""
        return _reporting(lambda: self._joined(pieces), lambda failed: _record_batch(encoded(failed)))

    def _staged(self, number: int, partition: Partition) -> Batches:
        share = self.shares.get(number)
        if share is None:
            if any(self.rows.examined(partition)):
                raise _changed(number)
            return
        content, counts, bad, first = EMPTY, Counts(), [], 0
        cut, end = Cut(self.target, share.start), share.start
        if share.leads:
            end += len(header := header_row(self.rows.plan.header))
            yield from self._sent(cut, header)
        for examined in self.rows.examined(partition, share.first):
            content = joined(content, _content(examined))
            found = self._repeats(share, first, len(examined.records))
            done = split(examined, found, self.rows.plan)
            counts.add(done)
            bad.append(done.bad)
            end, first = end + len(done.good), first + len(examined.records)
            if end > share.end:
                raise _changed(number)
            yield from self._sent(cut, done.good)
        if (content, end) != (share.measured.content, share.end):
            raise _changed(number)
        yield from self._sent(cut, None)
        if number in self.rejects:
            put_object(*self.rejects[number], b"".join(bad), f"the rejects of partition {number}")
        yield _as_piece(counts.record(number))

    def _sent(self, cut: Cut, data: bytes | None) -> Batches:
        """The next bytes, None after the last: whole parts are put, pieces of others are handed on."""
        for number, start, pieces in cut.add(data) if data is not None else cut.rest():
            if self.target and sum(map(len, pieces)) == self.target.size_of(number):
                yield _as_piece(put_part(self.target, number, pieces))
            elif self.target:
                row = {"number": number, "start": start, "data": b"".join(pieces)}
                yield pa.RecordBatch.from_pylist([row], PIECES)

    def _repeats(self, share: Share, first: int, count: int) -> list[Found]:
        """What of the share's repetitions concerns so many rows from `first` on."""
        uniques = self.rows.plan.rules.bind(self.rows.plan.header.columns).uniques
        found = []
        for rule, rows in share.repeats:
            low, high = np.searchsorted(rows, [first, first + count])
            if high > low:
                found.append((rows[low:high] - first, uniques[rule].reason))
        return found

    def _joined(self, pieces: Batches) -> Batches:
        number, held = 0, list[memoryview]()
        for batch in pieces:
            for row in range(batch.num_rows):
                part, data = batch.column("number")[row].as_py(), batch.column("data")[row].as_buffer()
                if part == 0:
                    yield _record_batch(data.to_pybytes())
                    continue
                if part != number and held:
                    yield self._put(number, held)
                    held = []
                number = part
                held.append(memoryview(data))
        if held:
            yield self._put(number, held)

    def _put(self, number: int, pieces: list[memoryview]) -> pa.RecordBatch:
        assert self.target  # noqa: S101 - for the type checker: without one there are no pieces
        if sum(map(len, pieces)) != self.target.size_of(number):
            raise SourceError(f"Part {number} is not as long as it was to be.", hint=HINT)
        return _record_batch(encoded(put_part(self.target, number, pieces)))


def _content(examined: Examined) -> Fingerprint:
    """The fingerprint of all records of a slice, those too that are none."""
    records = examined.records
    count = len(records) + len(records.malformed)
    return fingerprint([records.data, *(one.raw for one in records.malformed)], count)


def _changed(number: int) -> SourceError:
    return SourceError(CHANGED.format(number), hint=HINT)


def _probe(seed: int) -> tuple[str, ...]:
    """What has to be the same on all workers, for equal keys to meet."""
    packages = (metadata.version(name) for name in ("netcore-bulk-upload", "polars", "pandera"))
    return (*packages, str(pl.Series(["", "asha@example.com"]).hash(seed).to_list()))


def _as_key(record: Record) -> pa.RecordBatch:
    row = {"hash": 0, "rule": -1, "key": encoded(record), "part": 0, "row": 0, "size": 0}
    return pa.RecordBatch.from_pylist([row], KEYS)


def _as_piece(record: Record) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"number": 0, "start": 0, "data": encoded(record)}], PIECES)


def _record_batch(record: bytes) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"record": record}], RECORDS)


def _reporting(make: Callable[[], Batches], shown: Callable[[Record], pa.RecordBatch]) -> Batches:
    """What `make` gives; what it raises comes as a record, and nothing of it to the engine's log."""
    try:
        with hushed():
            yield from make()
    except PipelineError as error:
        yield shown(Failed(type(error).__name__, error.message, error.hint))
    except Exception as error:  # noqa: BLE001 - told without its own message, which could hold a value
        told = Unexpected(error)
        yield shown(Failed("Unexpected", f"On a worker: {told.message}", told.hint))
