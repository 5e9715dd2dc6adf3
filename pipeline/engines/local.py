"""Slices in threads of this process: polars, hashing and sockets let go of the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")
WAIT_SECONDS = 0.5


def in_order(work: Callable[[A], B], slices: Iterable[A], workers: int | None = None) -> Generator[B]:
    """`work` of each slice, in the slices' order; the slices too are made in a thread of their own.

    No more than `workers` + 1 of them are held at a time. An error in either comes in its place.
    """
    workers = workers or min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers, thread_name_prefix="pipeline-work") as pool:
        results: Queue[Future[B] | None] = Queue(max(1, workers - 1))
        stopped = Event()
        feeder = Thread(target=_feed, args=(work, slices, pool, results, stopped), name="pipeline-feed")
        feeder.start()
        try:
            yield from map(
                _result, iter(partial(_next, results), None)
            )  # and keep no slice while waiting for the next
        finally:
            stopped.set()
            while feeder.is_alive():
                _forget(results)
                feeder.join(0.01)
            _forget(results)


def _next(results: Queue[Future[B] | None]) -> Future[B] | None:
    """The next result. A wait without an end would be deaf to Ctrl-C, whose handler polars replaces."""
    while True:
        with suppress(Empty):
            return results.get(timeout=WAIT_SECONDS)


def _result(future: Future[B] | None) -> B:
    assert future  # noqa: S101 - for the type checker: None has ended it
    while True:
        try:
            return future.result(timeout=WAIT_SECONDS)
        except TimeoutError:
            if future.done():  # it is the work's own
                raise


def _feed(
    work: Callable[[A], B],
    slices: Iterable[A],
    pool: ThreadPoolExecutor,
    results: Queue[Future[B] | None],
    stopped: Event,
) -> None:
    """Submit the slices one by one, as fast as the results are taken; None follows the last."""
    source = iter(slices)
    try:
        for piece in source:
            results.put(pool.submit(work, piece))
            if stopped.is_set():
                break
    except BaseException as error:  # noqa: BLE001 - whoever takes the results is told
        failed: Future[B] = Future()
        failed.set_exception(error)
        results.put(failed)
    finally:
        results.put(None)


def _forget(results: Queue[Future[B] | None]) -> None:
    """Make room for one that waits to be put there."""
    try:
        future = results.get_nowait()
    except Empty:
        return
    if future:
        future.cancel()
