"""Step 1, reading: whatever holds the contacts becomes a Source, and that one slice after the other.

`open_source` looks up the kind of the source in `KINDS`; each kind is one file here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import SourceError
from pipeline.handoffs import Source

if TYPE_CHECKING:
    from pipeline.config import SourceConfig

__all__ = ["open_source"]


def _is_pandas(source: object) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(source, pandas.DataFrame)


def _is_polars(source: object) -> bool:
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(source, polars.DataFrame)


def _open_csv(source: str | Path, **named: Any) -> AbstractContextManager[Source]:
    from pipeline.read.csvfile import open_csv

    return open_csv(str(source), **named)


def _open_pandas(source: Any, **named: Any) -> AbstractContextManager[Source]:
    from pipeline.read.frame import open_pandas

    return open_pandas(source, **named)


def _open_polars(source: Any, **named: Any) -> AbstractContextManager[Source]:
    from pipeline.read.frame import open_polars

    return open_polars(source, **named)


def _open_arrow(source: Any, **named: Any) -> AbstractContextManager[Source]:
    from pipeline.read.frame import open_arrow

    return open_arrow(source, **named)


# What is looked for first stands first: these frames offer Arrow data too.
KINDS: list[tuple[Callable[[object], bool], Callable[..., AbstractContextManager[Source]]]] = [
    (lambda source: isinstance(source, str | Path), _open_csv),
    (_is_pandas, _open_pandas),
    (_is_polars, _open_polars),
    (lambda source: hasattr(source, "__arrow_c_stream__"), _open_arrow),
]


def open_source(
    source: str | Path | Any,
    config: SourceConfig,
    *,
    contract_names: Sequence[str],
    resolve: Callable[[Sequence[str], str], tuple[int, ...]],
    slice_bytes: int | None = None,
) -> AbstractContextManager[Source]:
    """`source` opened for reading, as a context manager of a Source.

    `source` is the path of a CSV (`-`: standard input, `.gz`: unpacked), a pandas DataFrame, or anything
    that offers Arrow data (polars, pyarrow, duckdb; a one-shot stream is read once). `contract_names` are
    the contract's columns in its order; `resolve` checks the columns found against the contract, is told
    what to call the source, and returns the positions of those to keep. `slice_bytes` is about how large
    a slice gets.
    Raises SourceError where the source cannot be read as a whole.
    """
    for matches, opened in KINDS:
        if matches(source):
            return opened(
                source, config=config, contract_names=contract_names, slice_bytes=slice_bytes, resolve=resolve
            )
    lazy = hasattr(source, "collect")
    raise SourceError(
        f"A {type(source).__module__}.{type(source).__qualname__} cannot be read as a source.",
        hint="Call its .collect() first."
        if lazy
        else "Pass a CSV's path or a pandas, polars or Arrow table.",
    )
