"""Both passes over a frame on a cluster, as the driver sees them: records of partitions and parts, no row.

Pass 1 says how many bytes of each partition are staged, so where in the file they belong; pass 2 puts them
there and has to find the same again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.arrays import Offsets
from pipeline.engines.mapreduce import MapReduce
from pipeline.errors import ConfigError, SourceError
from pipeline.handoffs import Plan
from pipeline.read.spread import SpreadFrame
from pipeline.result import Result
from pipeline.sorting import explain
from pipeline.spread.addresses import Places
from pipeline.spread.partition import CHANGED, HINT, MEASURED, RECORDS, Measure, Rows, Stage
from pipeline.spread.records import Measured, Part, Share, Sorted, Target, decoded
from pipeline.validation import header_row

PLACE_BYTES = 64 << 20  # of pieces of parts, about, that one worker puts together


@dataclass(frozen=True)
class Layout:
    """What pass 1 says: each partition's share of the file, all records, and how long it took."""

    shares: Mapping[int, Share] = field(repr=False)
    records: int
    rejected: int
    size: int
    seconds: float

    @property
    def with_rejects(self) -> Iterator[int]:
        """The partitions that have any."""
        for number, share in self.shares.items():
            if share.measured.rejected or share.repeats:
                yield number


def measure(source: SpreadFrame, plan: Plan, *, allow_empty: bool) -> Layout:
    """Pass 1.

    Raises SourceError where there are no records, unless that is allowed, or a value has no certain text.
    """
    began = time.monotonic()
    keeps = [unique.keep for unique in plan.rules.bind(plan.header.columns).uniques]
    work = Measure(_rows(source, plan), keeps)
    found = source.engine.carry_out(MapReduce(work.map, work.reduce, MEASURED))
    measured = [record for record in decoded(found.column("record")) if isinstance(record, Measured)]
    if len({record.probe for record in measured}) > 1:
        raise ConfigError(
            "The workers have different versions of this package, polars or pandera, or different "
            "processors: they would not all say the same of a row.",
            hint="Install the same versions on all workers, and use workers of one processor architecture.",
        )
    if not allow_empty and not any(record.content.records for record in measured):
        raise SourceError(
            "The source has columns and no records.",
            hint="Is the frame filled? If it may be empty, set source.allow_empty: true.",
        )
    return _layout(measured, found, len(header_row(plan.header)), time.monotonic() - began)


def stage(
    source: SpreadFrame,
    plan: Plan,
    layout: Layout,
    target: Target | None,
    rejects: Places,
    result: Result,
) -> list[Part]:
    """Pass 2: the parts that workers have put, in order; the records are counted in `result`.

    Raises SourceError where the frame is not what it was in pass 1, StageError where the store fails.
    """
    work = Stage(_rows(source, plan), layout.shares, target, rejects)
    places = 1 + (target.size // PLACE_BYTES if target else 0)
    job = MapReduce(work.map, work.reduce, RECORDS, places)
    records = list(decoded(source.engine.carry_out(job).column("record")))
    done = {record.partition: record for record in records if isinstance(record, Sorted)}
    parts = {record.number: record for record in records if isinstance(record, Part)}
    if missing := sorted(layout.shares.keys() - done.keys()):
        raise SourceError(CHANGED.format(missing[0]), hint=HINT)
    if sorted(parts) != list(range(1, len(target.addresses) + 1 if target else 1)):
        raise SourceError("Not all parts of the file came together.", hint=HINT)
    _count([done[number] for number in sorted(done)], plan, result)
    return [parts[number] for number in sorted(parts)]


def _rows(source: SpreadFrame, plan: Plan) -> Rows:
    return Rows(plan, source.added, source.days)


def _layout(measured: Sequence[Measured], found: pa.Table, header: int, seconds: float) -> Layout:
    repeats = _repeats(found)
    shares: dict[int, Share] = {}
    first, at, rejected = 0, 0, 0
    for one in sorted(measured, key=lambda record: record.partition):
        rules, rows, size = repeats.get(one.partition, ((), 0, 0))
        start, leads = at, not shares
        at += leads * header + one.length - size
        shares[one.partition] = Share(one, first, start, at, leads, rules)
        first += one.content.records
        rejected += one.rejected + rows
    return Layout(shares, first, rejected, at, seconds)


def _repeats(found: pa.Table) -> dict[int, tuple[list[tuple[int, Offsets]], int, int]]:
    """For each partition the rows that repeat others by rule; how many of them are good else, their bytes."""
    rows = found.filter(found.column("rule").is_valid()).sort_by(
        [(name, "ascending") for name in ("part", "rule", "row")]
    )
    rule, part, row, size = (rows.column(name).to_numpy() for name in ("rule", "part", "row", "size"))
    ends = np.flatnonzero(np.diff(part, append=-1)) + 1
    repeats = {}
    for start, end in zip([0, *ends[:-1]], ends, strict=True) if len(part) else ():
        here = slice(start, end)
        rules = [(int(one), row[here][rule[here] == one]) for one in np.unique(rule[here])]
        _, once = np.unique(row[here], return_index=True)
        sizes = size[here][once]
        repeats[int(part[start])] = (rules, int(np.count_nonzero(sizes)), int(sizes.sum()))
    return repeats


def _count(done: Iterable[Sorted], plan: Plan, result: Result) -> None:
    totals: list[Counter[str]] = [Counter(), Counter(), Counter()]
    for one in done:
        result.records += one.records
        result.rejected += one.rejected
        explain(one.first, plan, result)
        for total, counts in zip(totals, (one.reasons, one.changed, one.blank), strict=True):
            total.update(counts)
    result.accepted = result.records - result.rejected
    result.reasons, result.changed, result.blank = map(dict, totals)
