"""The head of a frame: what its columns are called, and which of them are of dates."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.errors import SourceError
from pipeline.handoffs import Header
from pipeline.names import FRAME, columns_added, plain_name
from pipeline.read.header import header_of

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.config import SourceConfig


_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


class Head(NamedTuple):
    """The columns, those that a rejects file has added, and which of them all are of dates."""

    header: Header
    added: tuple[str, ...]
    days: Sequence[bool]


def check_index(frame: pd.DataFrame, config: SourceConfig, contract_names: Sequence[str]) -> None:
    """Raise SourceError where the index holds a column of the contract: it is not read."""
    known = {plain_name(name) for name in contract_names}
    for name in frame.index.names:
        attribute = config.columns.get(name, name) if isinstance(name, str) else None
        if attribute and plain_name(attribute) in known and name not in frame.columns:
            raise SourceError(
                f"{FRAME}: {name} is its index, and an index is not read",
                hint="Pass frame.reset_index(), which makes it a column.",
            )


def head_of(
    names: Sequence[Any],
    config: SourceConfig,
    *,
    contract_names: Sequence[str],
    resolve: Callable[[Sequence[str], str], tuple[int, ...]],
    takes_days: Callable[[str], bool],
) -> Head:
    """The head of a frame with columns of these names."""
    where = FRAME
    if not names:
        raise SourceError(f"{where} has no columns.", hint="Was it filled?")
    for number, name in enumerate(names, 1):
        if not isinstance(name, str):
            raise SourceError(
                f"{where}: the name of column {number} is no text but {type(name).__name__}",
                hint="Give the columns names: frame.columns = [...]",
            )
        if _UNWRITABLE.search(name):
            raise SourceError(
                f"{where}: the name of column {number} holds a NUL or half a character, which no CSV can",
                hint="Rename it: frame.rename(columns=...)",
            )
    added = columns_added(names)
    own = tuple(names[: len(names) - len(added)])
    header = header_of(own, config.columns, contract_names=contract_names, resolve=resolve, where=where)
    return Head(header, added, [*map(takes_days, header.columns), *(False for _ in added)])
