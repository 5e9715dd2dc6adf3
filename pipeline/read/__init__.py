"""Step 1, reading: whatever holds the contacts becomes a Source, and that one slice after the other.

`open_source` looks up the kind of the source in `KINDS`; each kind is one file here.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import SourceError
from pipeline.handoffs import Source

if TYPE_CHECKING:
    from pipeline.config import SourceConfig

__all__ = ["local_path", "open_source"]


def _is_pandas(source: object) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(source, pandas.DataFrame)


def _is_polars(source: object) -> bool:
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(source, polars.DataFrame)


def _open_csv(source: str | Path, **named: Any) -> AbstractContextManager[Source]:
    from pipeline.read.csvfile import open_csv

    del named["takes_days"]  # a file's cells are texts
    return open_csv(os.fspath(source), **named)


def _open_pandas(source: Any, **named: Any) -> AbstractContextManager[Source]:
    from pipeline.read.frame import open_pandas

    return open_pandas(source, **named)


def _open_polars(source: Any, **named: Any) -> AbstractContextManager[Source]:
    from pipeline.read.frame import open_polars

    return open_polars(source, **named)


def _open_arrow(source: Any, **named: Any) -> AbstractContextManager[Source]:
    from pipeline.read.frame import open_arrow

    return open_arrow(source, **named)


def _is_dask(source: object) -> bool:
    return _kind_of(source) == ("dask.dataframe", "DataFrame")


def _open_dask(source: Any, **named: Any) -> AbstractContextManager[Source]:
    from pipeline.read.spread import open_dask

    return open_dask(source, **named)


def _is_spark(source: object) -> bool:
    return _kind_of(source) == ("pyspark.sql", "DataFrame")


def _open_spark(source: Any, **named: Any) -> AbstractContextManager[Source]:
    from pipeline.read.spread import open_spark

    return open_spark(source, **named)


def _kind_of(source: object) -> tuple[str, str]:
    """The first two packages that the type of `source` is in, and its name."""
    kind = type(source)
    return ".".join(kind.__module__.split(".")[:2]), kind.__qualname__


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_NO_PATH = re.compile(r"[\r\n\0]|[^/]{256}")
_FETCH = {
    "s3": "Download it first, aws s3 cp ADDRESS contacts.csv, and pass that path.",
    "gs": "Download it first, gcloud storage cp ADDRESS contacts.csv, and pass that path.",
    "http": "Download it first, curl -fLo contacts.csv ADDRESS, and pass that path.",
    "https": "Download it first, curl -fLo contacts.csv ADDRESS, and pass that path.",
    "file": "Pass the path itself, without file://.",
    "dbfs": "Pass its path on the driver, /dbfs/….",
}
# What is looked for first stands first: these frames offer Arrow data too.
KINDS: list[tuple[Callable[[object], bool], Callable[..., AbstractContextManager[Source]]]] = [
    (lambda source: isinstance(source, str | os.PathLike), _open_csv),
    (_is_pandas, _open_pandas),
    (_is_polars, _open_polars),
    (_is_dask, _open_dask),
    (_is_spark, _open_spark),
    (lambda source: hasattr(source, "__arrow_c_stream__"), _open_arrow),
]


def open_source(
    source: str | Path | Any,
    config: SourceConfig,
    *,
    contract_names: Sequence[str],
    resolve: Callable[[Sequence[str], str], tuple[int, ...]],
    slice_bytes: int | None = None,
    takes_days: Callable[[str], bool] = lambda _: False,
) -> AbstractContextManager[Source]:
    """`source` opened for reading, as a context manager of a Source.

    `source` is the path of a CSV (`-`: standard input, `.gz`: unpacked), a pandas DataFrame, a frame on a
    cluster (Dask, Spark: a SpreadFrame), or anything that offers Arrow data (polars, pyarrow, duckdb; a
    one-shot stream is read once). `contract_names` are the contract's columns in its order; `resolve` checks
    the columns found against the contract, is told what to call the source, and returns the positions of
    those to keep. `slice_bytes` is about how large a slice gets. In columns that `takes_days` is true of, a
    date-time at midnight is written as its day.
    Raises SourceError where the source cannot be read as a whole.
    """
    if hint := _way_out(source):
        kind = f"{type(source).__module__.partition('.')[0]}.{type(source).__qualname__}"
        raise SourceError(f"A {kind.removeprefix('builtins.')} cannot be read as a source.", hint=hint)
    for matches, opened in KINDS:
        if matches(source):
            return opened(
                source,
                config=config,
                contract_names=contract_names,
                slice_bytes=slice_bytes,
                resolve=resolve,
                takes_days=takes_days,
            )
    raise SourceError(
        f"A {type(source).__module__}.{type(source).__qualname__} cannot be read as a source.",
        hint="Pass a CSV's path or a pandas, polars or Arrow table.",
    )


def _way_out(source: object) -> str | None:
    """What to pass instead of something that is nearly a source; None for all else."""
    kind = type(source).__name__
    if any(matches(source) for matches, _ in KINDS[:-1]):
        return None
    if kind == "Series":
        return "It is one column: pass its .to_frame(), or the whole frame."
    if kind == "ChunkedArray" or (kind.endswith("Array") and hasattr(source, "__arrow_c_array__")):
        return "It is one column: put it into a table, pa.table({'EMAIL': column})."
    if kind == "RecordBatch":
        return "Make a table of it: pa.Table.from_batches([batch])."
    if hasattr(source, "toPandas"):
        return "Call its .toPandas() first, or write it to a CSV."
    if (hasattr(source, "collect") and not hasattr(source, "__arrow_c_stream__")) or kind == "LazyFrame":
        return "Call its .collect() first."
    if hasattr(source, "compute"):
        return "Call its .compute() first."
    if isinstance(source, dict | list | tuple) or kind == "ndarray":
        return "Make a frame of it: pandas.DataFrame(rows)."
    if isinstance(source, bytes | bytearray) or hasattr(source, "read"):
        return "Pass the file's path, - for standard input, or a frame."
    return None


def local_path(path: str | os.PathLike[str], base: Path) -> Path | str:
    """The path of a file here, `~` expanded, relative ones from `base`; `-` stays what it is.

    Raises SourceError for an address, for nothing is fetched, and for what is the text of a file.
    """
    text = os.fspath(path)
    if text == "-":
        return text
    if _NO_PATH.search(text) and not os.path.lexists(text):
        raise SourceError(
            "The source is a text and not the path of a file.",
            hint="Write it to a file, or make a frame of it: pandas.read_csv(io.StringIO(text), dtype=str).",
        )
    if found := _SCHEME.match(text):
        scheme = found[1].lower()
        raise SourceError(
            f"The source is an address ({scheme}://…), and only files on this machine are read.",
            hint=_FETCH.get(scheme, "Download it first, and pass the path of the copy."),
        )
    return base / os.path.expanduser(text)  # noqa: PTH111 - pathlib's raises for a user that is none
