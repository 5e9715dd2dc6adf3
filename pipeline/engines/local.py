"""Slices in threads of this process: polars, hashing and sockets let go of the interpreter's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

_END: Any = object()

A = TypeVar("A")
B = TypeVar("B")


def in_order(work: Callable[[A], B], slices: Iterable[A], workers: int | None = None) -> Iterator[B]:
    """`work` of each slice, in the slices' order; no more than `workers` + 1 slices are held at a time."""
    workers = workers or min(4, os.cpu_count() or 1)
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="pipeline-validate") as pool:
        try:
            for piece in slices:
                waiting.append(pool.submit(work, piece))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def ahead(items: Iterable[A]) -> Iterator[A]:
    """The same items, the next one made in a thread of its own while the one before is dealt with."""
    source = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="pipeline-read") as pool:
        coming = pool.submit(next, source, _END)
        while (item := coming.result()) is not _END:
            coming = pool.submit(next, source, _END)
            yield item
