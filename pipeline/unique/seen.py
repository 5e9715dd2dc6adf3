"""Which rows repeat an earlier one, however many there are: exact, in bounded memory.

A key's hash keeps its upper half, its row number takes the lower: such entries, sorted, lie in a few runs
that are merged as they become many. A filter of bits for the beginning of each hash spares nearly all new
keys the search; as long as keys only ascend, none is searched for. Whatever is found is compared with the
keys themselves, which wait in a temporary file; no hash alone calls a row a repetition. Past `memory` bytes
the runs move to such files too, and the filter stays as it is: from then on only the time grows.

    8 bytes a row in runs, 2 to 4 in the filter; on disk the key itself, and 8 bytes to find it there
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipeline.arrays import NO_ROWS, Hashes, Offsets
from pipeline.errors import SourceError
from pipeline.unique.hashfilter import HALF, Filter
from pipeline.unique.keytexts import Texts, let_go, room, temporary

ROW = np.uint64(0xFFFFFFFF)
MANY = 4  # so many runs of a kind are merged
PIECE = 1 << 20  # so many entries are merged on disk at a time
REACH = 1 << 22  # about so many of a run are looked into at a time: what lies on disk is mapped meanwhile


@dataclass(frozen=True)
class Keys:
    """The keys of one slice, ready to be looked up.

    `entries` are sorted: the upper half of a key's hash and its row. Row i's text is what lies between the
    i-th and the next of `offsets` in `texts`, nothing where the key is blank. `span` is the first key and the
    last, where none is blank and each greater than the one before.
    """

    entries: Hashes = field(repr=False)
    offsets: Hashes = field(repr=False)
    texts: bytes = field(repr=False)
    span: tuple[str, str] | None = field(repr=False, default=None)


def prepare(keys: pl.Series, seed: int) -> Keys:
    """The keys of a slice, from texts that are null where blank. Pure."""
    entries = (_hashes(keys, seed) & ~ROW) | np.arange(len(keys), dtype=np.uint64)
    filled = pl.Series(entries).filter(keys.is_not_null())
    lengths = keys.str.len_bytes().fill_null(0).to_numpy()
    return Keys(
        filled.sort(multithreaded=False).to_numpy(),
        np.concatenate([np.zeros(1, np.uint64), np.cumsum(lengths, dtype=np.uint64)]),
        (keys.str.join("").item() or "").encode(),
        (keys[0], keys[-1]) if len(keys) and _ascending(keys[:100]) and _ascending(keys) else None,
    )


def _ascending(keys: pl.Series) -> bool:
    return not keys.has_nulls() and bool((keys[1:] > keys[:-1]).all())


def _hashes(keys: pl.Series, seed: int) -> Hashes:
    return keys.hash(seed).to_numpy()


class Seen:
    """The rows so far, and which of the next repeat one of them; rows are counted over all slices."""

    def __init__(self, memory: int) -> None:
        self.rows = 0
        self._memory = memory
        self._runs: list[list[Hashes]] = [[]]  # by how many times they were merged
        self._filter = Filter(1 << 20)
        self._texts = Texts()
        self._greatest: str | None = ""  # as long as every key was greater than all before it

    def add(self, keys: Keys) -> tuple[Offsets, Offsets]:
        """The rows of this slice that repeat an earlier one, ascending, and the first with each's key."""
        entries = keys.entries + np.uint64(self.rows)
        self.rows += len(keys.offsets) - 1
        if self.rows > int(ROW):
            raise SourceError(
                f"More than {int(ROW):,} records: too many to look for repetitions among them.",
                hint="Split the source, or take `unique` and the primary key out of the contract.",
            )
        self._texts.append(keys.texts, keys.offsets)
        if self._greatest is not None and len(entries):
            if keys.span and keys.span[0] > self._greatest:
                self._greatest = keys.span[1]
                self._keep(entries)
                return NO_ROWS, NO_ROWS
            self._greatest = None
            self._fill_filter()
        first = np.full(len(entries), -1, np.int64)
        doubtful = np.flatnonzero(self._filter.may_hold(entries))
        found = [
            _alike(run, entries, few)
            for run in self._all_runs()
            for few in np.array_split(doubtful, len(run) // REACH + 1)
        ]
        if found:
            places, rows = map(np.concatenate, zip(*found, strict=True))
            same = self._texts.equal(rows, _row(entries[places]))
            first[places[same]] = rows[same]
        self._compare_among(entries, first)
        self._keep(entries[first < 0])
        repeats = np.flatnonzero(first >= 0)
        rows = _row(entries[repeats])
        order = np.argsort(rows)
        return rows[order], first[repeats][order]

    def _compare_among(self, entries: Hashes, first: Offsets) -> None:
        """Set `first` of the entries that repeat another of the same slice."""
        places = np.flatnonzero(first < 0)
        while True:
            halves = entries[places] >> HALF
            later = np.flatnonzero(halves[1:] == halves[:-1]) + 1
            if not len(later):
                return
            heads = np.arange(len(places))
            heads[later] = 0
            heads = np.maximum.accumulate(heads)[later]
            rows = _row(entries[places[heads]])
            same = self._texts.equal(rows, _row(entries[places[later]]))
            first[places[later[same]]] = rows[same]
            places = places[later[~same]]

    def _keep(self, entries: Hashes) -> None:
        """Remember these, merge what runs have become many, move what is too much for the memory to disk."""
        self._runs[0].append(entries)
        if self._greatest is None:
            self._filter.add(entries)
            if self._filter.is_full(self.rows, self._memory // 4):
                self._fill_filter()
        for level, runs in enumerate(self._runs):
            if len(runs) < MANY:
                break
            small = sum(run.nbytes for run in runs) <= self._memory // 8
            merged = _merged(runs) if small else _merged_on_disk(runs)
            runs.clear()
            if level + 1 == len(self._runs):
                self._runs.append([])
            self._runs[level + 1].append(merged)
        self._spill()

    def _fill_filter(self) -> None:
        """A filter of the size that so many rows need, with all that is in the runs."""
        while self._filter.is_full(self.rows, self._memory // 4):
            self._filter = Filter(2 * self._filter.size)
        for run in self._all_runs():
            self._filter.add(run)
            let_go(run)

    def _spill(self) -> None:
        """Move runs to disk, those that were merged most first, until half of the memory is enough."""
        held = sum(run.nbytes for run in self._all_runs() if not isinstance(run, np.memmap))
        for runs in reversed(self._runs):
            for index, run in enumerate(runs):
                if held <= self._memory // 2:
                    return
                if len(run) and not isinstance(run, np.memmap):
                    held -= run.nbytes
                    runs[index] = _merged_on_disk([run])

    def _all_runs(self) -> list[Hashes]:
        return [run for runs in self._runs for run in runs]


def _alike(run: Hashes, entries: Hashes, places: Offsets) -> tuple[Offsets, Offsets]:
    """Those of the entries at `places` whose upper half stands in the run, with each row it has there."""
    at = np.searchsorted(run, entries[places] & ~ROW)
    places, at = places[at < len(run)], at[at < len(run)]
    alike = (run[at] >> HALF) == (entries[places] >> HALF)
    places, at = places[alike], at[alike]
    count = np.searchsorted(run, entries[places] | ROW, side="right") - at
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    rows = _row(run[np.repeat(at, count) + within])
    let_go(run)
    return np.repeat(places, count), rows


def _row(entries: Hashes) -> Offsets:
    rows: Offsets = (entries & ROW).astype(np.int64)
    return rows


def _merged(runs: Sequence[Hashes]) -> Hashes:
    merged = np.concatenate(runs)
    merged.sort(kind="stable")  # which merges what is sorted already
    return merged


def _merged_on_disk(runs: Sequence[Hashes]) -> Hashes:
    """The runs as one in a temporary file; piece by piece, so that little of it is in memory at a time."""
    pieces = sum(map(len, runs)) // PIECE + 2
    bounds = np.arange(1, pieces, dtype=np.uint64) * np.uint64(2**64 // pieces)
    cut = [_split(run, bounds) for run in runs]
    with temporary() as file, room():
        for same_range in zip(*cut, strict=True):
            _merged(same_range).tofile(file)
            for run in runs:
                let_go(run)
        file.flush()
        on_disk: Hashes = np.memmap(file, np.uint64, "r")
    return on_disk


def _split(run: Hashes, bounds: Hashes) -> list[Hashes]:
    pieces = np.split(run, np.searchsorted(run, bounds))
    let_go(run)
    return pieces
