"""A filter in front of the search for a key: it spares nearly all new keys that, and forgets none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.arrays import Hashes, Mask, Offsets

HALF = np.uint64(32)
BLOCK = 1 << 16  # so many entries are added at a time

# Up to three of a word's 32 bits, in as many ways.
WAYS = np.arange(1024, dtype=np.uint32)
BITS = np.bitwise_or.reduce([np.uint32(1) << n % 32 for n in (WAYS, WAYS // 32, 3 * WAYS + 5 * WAYS // 32)])


class Filter:
    """Three bits of one word for the upper half of each hash: not all set where no entry has that half."""

    def __init__(self, size: int) -> None:
        self.size = size  # bits, a power of two
        self._words = np.zeros(size // 32, np.uint32)
        self._shift = np.uint64(64 - (len(self._words).bit_length() - 1))

    def is_full(self, rows: int, memory: int) -> bool:
        """Whether so many rows fill it too much, and one of twice the size may be had instead."""
        return rows * 16 > self.size and self.size // 4 <= memory and self.size < 1 << 32

    def may_hold(self, entries: Hashes) -> Mask:
        """False where no entry with the same upper half was added."""
        place, bits = self._places(entries)
        held: Mask = (self._words[place] & bits) == bits
        return held

    def add(self, entries: Hashes) -> None:
        """Add them; they are sorted."""
        for start in range(0, len(entries), BLOCK):
            place, bits = self._places(entries[start : start + BLOCK])
            self._words[place] |= bits
            lost = np.flatnonzero(place[1:] == place[:-1])  # of several for one word the last is set
            np.bitwise_or.at(self._words, place[lost], bits[lost])

    def _places(self, entries: Hashes) -> tuple[Offsets, npt.NDArray[np.uint32]]:
        halves = entries >> HALF
        return (entries >> self._shift).view(np.int64), BITS[
            (halves & np.uint64(len(BITS) - 1)).view(np.int64)
        ]
