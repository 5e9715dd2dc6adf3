"""What a worker does with a partition: pass 1 measures it, pass 2 sorts it and puts it where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from pipeline.arrays import NO_ROWS, Offsets
from pipeline.contract.faults import Found
from pipeline.contract.rules import Keep
from pipeline.errors import PipelineError, SourceError, Unexpected
from pipeline.handoffs import Examined, Plan
from pipeline.read.frame import FrameSource, Piece, arrow_pieces, pandas_pieces, step_of
from pipeline.result import Fingerprint
from pipeline.s3.checksums import fingerprint, joined
from pipeline.spread.addresses import Places
from pipeline.spread.exchange import RECORD, as_sent, by_number, sent
from pipeline.spread.parts import Cut, put_object, put_part
from pipeline.spread.records import Counts, Failed, Measured, Record, RowSet, Share, Target, encoded
from pipeline.unique.neighbours import REPEATS, packed_keys, repeated
from pipeline.validation import examine, header_row, split
from pipeline.wire import hushed

if TYPE_CHECKING:
    from pipeline.engines.mapreduce import Batches, Partition

MEASURED = REPEATS.append(pa.field("record", pa.binary()))
RECORDS = pa.schema([("record", pa.binary())])
CHANGED = "Partition {} is not what it was when it was read before: its rows, or their order, differ."
EMPTY = Fingerprint(0, 0, 0, 1)
KEY_BYTES = 64 << 20  # of keys, about, that are looked through at a time
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

    def examined(
        self, partition: Partition, first: int = 0, failing: Offsets | None = None
    ) -> Iterator[Examined]:
        """The slices of a partition, each examined; its first row has the number `first`.

        `failing` are the rows, counted from 0, that are known to fail.
        """

        def pieces() -> Iterator[Piece]:
            step = step_of(len(self.days))
            if isinstance(partition, pd.DataFrame):
                return pandas_pieces(partition, step, self.days)
            return arrow_pieces(partition, step, self.days)

        source = FrameSource(self.plan.header, self.added, None, pieces, first)
        before = 0
        for piece in source.slices():
            if piece.size:
                here = None if failing is None else failing[np.searchsorted(failing, before) :] - before
                yield (examined := examine(piece, self.plan, failing=here))
                before += len(examined.records)


@dataclass(frozen=True)
class Measure:
    """Pass 1: keys of the rows to be compared, and what the partition comes to."""

    rows: Rows
    keeps: Sequence[Keep]

    def map(self, number: int, partition: Partition) -> Batches:
        """Keys, and a record."""
        return _reporting(lambda: self._measured(number, partition), as_sent)

    def reduce(self, received: Batches) -> Batches:
        """The rows that repeat others, and all records."""
        return _reporting(
            lambda: self._compared(received), lambda failed: _records([encoded(failed)], MEASURED)
        )

    def _compared(self, received: Batches) -> Batches:
        keys: list[memoryview] = []
        for number, data in by_number(received):
            if number == RECORD:
                yield _records(data, MEASURED)
                continue
            keys += data
            if sum(map(len, keys)) > KEY_BYTES:
                yield self._repeated(keys)
                keys = []
        yield self._repeated(keys)

    def _repeated(self, keys: Sequence[memoryview]) -> pa.RecordBatch:
        found = repeated(keys, self.keeps)
        return pa.RecordBatch.from_arrays([*found, pa.nulls(len(found), pa.binary())], schema=MEASURED)

    def _measured(self, number: int, partition: Partition) -> Batches:
        content, failing, rejected, length, first = EMPTY, [NO_ROWS], 0, 0, 0
        try:
            for examined in self.rows.examined(partition):
                sizes: Offsets = examined.staged.stops - examined.staged.starts
                sizes[examined.faults.rows] = 0
                if keys := list(packed_keys(examined.keys, number, first, sizes)):
                    yield sent(keys, number)
                failing.append(examined.faults.failing + first)
                first += len(examined.records)
                content = joined(content, _content(examined))
                rejected += len(examined.faults.failing) + len(examined.records.malformed)
                length += int(sizes.sum())
        except SourceError as error:
            raise SourceError(
                f"Partition {number}, counted from 0: {error.message}", hint=error.hint
            ) from None
        rows = RowSet.pack(np.concatenate(failing), first)
        yield as_sent(Measured(number, content, rows, rejected, length, _probe(self.rows.plan.seed)))


@dataclass(frozen=True)
class Stage:
    """Pass 2: good bytes to the parts of `target`, rejects to their own objects; None: nowhere."""

    rows: Rows
    shares: Mapping[int, Share] = field(repr=False)
    target: Target | None
    rejects: Places = field(repr=False)

    def map(self, number: int, partition: Partition) -> Batches:
        """Pieces of parts that begin or end elsewhere, and records."""
        return _reporting(lambda: self._staged(number, partition), as_sent)

    def reduce(self, received: Batches) -> Batches:
        """Records, of the parts put together here too."""
        return _reporting(lambda: self._joined(received), lambda failed: _records([encoded(failed)], RECORDS))

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
        for examined in self.rows.examined(partition, share.first, share.measured.failing.rows):
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
        yield as_sent(counts.record(number))

    def _sent(self, cut: Cut, data: bytes | None) -> Batches:
        """The next bytes, None after the last: whole parts are put, pieces of others are handed on."""
        for number, start, pieces in cut.add(data) if data is not None else cut.rest():
            if self.target and sum(map(len, pieces)) == self.target.size_of(number):
                yield as_sent(put_part(self.target, number, pieces))
            elif self.target:
                yield sent([(number, b"".join(pieces))], start)

    def _repeats(self, share: Share, first: int, count: int) -> list[Found]:
        """What of the share's repetitions concerns so many rows from `first` on."""
        uniques = self.rows.plan.rules.bind(self.rows.plan.header.columns).uniques
        found = []
        for rule, rows in share.repeats:
            low, high = np.searchsorted(rows, [first, first + count])
            if high > low:
                found.append((rows[low:high] - first, uniques[rule].reason))
        return found

    def _joined(self, received: Batches) -> Batches:
        for number, data in by_number(received):
            if number == RECORD:
                yield _records(data, RECORDS)
                continue
            assert self.target  # noqa: S101 - for the type checker: without one there are no pieces
            if sum(map(len, data)) != self.target.size_of(number):
                raise SourceError(f"Part {number} is not as long as it was to be.", hint=HINT)
            yield _records([encoded(put_part(self.target, number, data))], RECORDS)


def _content(examined: Examined) -> Fingerprint:
    """The fingerprint of all records of a slice, those too that are none."""
    records = examined.records
    count = len(records) + len(records.malformed)
    return fingerprint([records.data, *(one.raw for one in records.malformed)], count)


def _changed(number: int) -> SourceError:
    return SourceError(CHANGED.format(number), hint=HINT)


@lru_cache(maxsize=1)
def _probe(seed: int) -> tuple[str, ...]:
    """What has to be the same on all workers, for equal keys to meet."""
    packages = (metadata.version(name) for name in ("netcore-bulk-upload", "polars", "pandera"))
    return (*packages, str(pl.Series(["", "asha@example.com"]).hash(seed).to_list()))


def _records(records: Sequence[bytes | memoryview], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"record": bytes(one)} for one in records], schema)


def _reporting(make: Callable[[], Batches], as_batch: Callable[[Record], pa.RecordBatch]) -> Batches:
    """What `make` gives; what it raises comes as a record, and nothing of it to the engine's log."""
    try:
        with hushed():
            yield from make()
    except PipelineError as error:
        yield as_batch(Failed(type(error).__name__, error.message, error.hint))
    except Exception as error:  # noqa: BLE001 - told without its own message, which could hold a value
        unexpected = Unexpected(error)
        yield as_batch(Failed("Unexpected", f"On a worker: {unexpected.message}", unexpected.hint))
