"""How the hosted file is reached: one module for each `stage.url` mode, all with the same three names.

    check(store, config)   before anything is uploaded: StageError where the mode cannot work
    address(store, key)    the URL, and the moment it stops working (ISO 8601, UTC; None: never, or not known)
    READABLE_HERE          what the pre-flight expects: may this machine read the file by that URL?

To add one: a new file here, a line in the table, and its name in `StageConfig.url`.
"""

from __future__ import annotations

from typing import Protocol

from pipeline.config import Config
from pipeline.s3.client import Store
from pipeline.urls import allowlisted, presigned, public


class Mode(Protocol):
    """What each module of this package offers."""

    READABLE_HERE: bool

    def check(self, store: Store, config: Config, /) -> None:
        """Nothing; StageError where no file could be reached in this mode, or others could reach it too."""

    def address(self, store: Store, key: str, /) -> tuple[str, str | None]:
        """The URL of that object and when it expires."""


MODES: dict[str, Mode] = {
    "presigned": presigned,
    "allowlisted": allowlisted,
    "public": public,
}


def address(store: Store, key: str) -> tuple[str, str | None]:
    """The URL of that object in the configured mode, and when it expires."""
    return MODES[store.config.url].address(store, key)
