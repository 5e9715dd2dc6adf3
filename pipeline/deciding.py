"""Between examining a slice and splitting it: which of its rows repeat others, and where reading ends."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterable
from dataclasses import replace
from tempfile import SpooledTemporaryFile

import numpy as np

from pipeline.contract.faults import Found
from pipeline.handoffs import Examined
from pipeline.unique import Repeats
from pipeline.unique.keytexts import room

SPOOLED_BYTES = 64 << 20  # that wait in memory before they lie on disk


def with_repeats(examined: Iterable[Examined], repeats: Repeats) -> Generator[tuple[Examined, list[Found]]]:
    """Each slice with its rows that repeat others.

    Where a later record may take an earlier one back (pandera's `report_duplicates` other than
    `exclude_first`), the slices wait in an unnamed temporary file until the last one is there.
    """
    if repeats.streams:
        for one in examined:
            yield replace(one, keys=()), repeats.observe(one.keys)
            del one  # while it waits for the next
        return
    with SpooledTemporaryFile(SPOOLED_BYTES) as spool:
        count = 0
        for one in examined:
            known = repeats.observe(one.keys)
            with room():
                pickle.dump((replace(one, keys=()), known), spool)
            count += 1
        spool.seek(0)
        for index in range(count):
            waiting, known = pickle.load(spool)  # noqa: S301 - our own, from a file that nobody else can open
            yield waiting, known + repeats.settle(index)


def first_good(
    decided: Iterable[tuple[Examined, list[Found]]], count: int
) -> Generator[tuple[Examined, list[Found]]]:
    """The slices up to the record that makes so many good ones."""
    for examined, repeats in decided:
        bad = np.concatenate([examined.faults.rows, *(rows for rows, _ in repeats)])
        good = np.delete(np.arange(len(examined.records)), bad)
        if len(good) >= count:
            end = int(good[count - 1]) + 1
            yield examined.head(end), [(rows[rows < end], reason) for rows, reason in repeats]
            return
        count -= len(good)
        yield examined, repeats
