"""How the hosted file is reached: one module for each `stage.url` mode, all with the same one function.

A mode's `address(store, key)` returns the URL and the moment it stops working (ISO 8601, UTC; None: never,
or not known). To add one: a new file here, a line in the table, and the key in `StageConfig.url`.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.store import Store
from pipeline.urls import presigned

MODES: dict[str, Callable[[Store, str], tuple[str, str | None]]] = {
    "presigned": presigned.address,
}


def address(store: Store, key: str) -> tuple[str, str | None]:
    """The URL of that object in the configured mode, and when it expires."""
    return MODES[store.config.url](store, key)
