"""A process forked from one that had used polars: there polars hangs for ever, and that is said at once.

The threads of its pool are not forked along. Celery's prefork pool, `multiprocessing` with fork and
gunicorn's --preload end up so.
"""

from __future__ import annotations

import sys

from pipeline.errors import ConfigError
from pipeline.wire import within

PROBE_SECONDS = 5.0


def check() -> None:
    """Raise ConfigError where polars does not answer; where it is not loaded yet, it will."""
    if "polars" not in sys.modules:
        return
    try:
        within(PROBE_SECONDS, _use_the_pool)
    except TimeoutError:
        raise ConfigError(
            "polars does not answer in this process: it was forked from one that had used polars, whose "
            "threads no fork takes along.",
            hint="Start workers by spawn (multiprocessing.get_context('spawn'), Celery --pool=threads, "
            "gunicorn without --preload), or import and use polars and pipeline in the workers only.",
        ) from None


def _use_the_pool() -> None:
    import polars as pl

    pl.DataFrame({"a": [2, 1]}).select(pl.col("a").sort(), b=pl.col("a") + 1)
