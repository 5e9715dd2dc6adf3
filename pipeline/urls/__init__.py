"""How the hosted file is reached: one module for each `stage.url` mode, all with the same three names.

    check(store, config)   before anything is uploaded: StageError where the mode cannot work
    link(store, key)       the URL, and the moment it stops working
    READABLE_HERE          what the pre-flight expects: may this machine read the file by that URL?

To add one: a new file here, a line in the table, and its name in `StageConfig.url`.
"""

from __future__ import annotations

from typing import Protocol

from pipeline.config import Config
from pipeline.handoffs import Link
from pipeline.s3.client import Store
from pipeline.urls import allowlisted, presigned, public


class Mode(Protocol):
    """What each module of this package offers."""

    READABLE_HERE: bool

    def check(self, store: Store, config: Config, /) -> None:
        """Raise StageError where no file could be reached in this mode, or others could reach it too."""

    def link(self, store: Store, key: str, /) -> Link:
        """The URL of that object and when it expires."""


MODES: dict[str, Mode] = {
    "presigned": presigned,
    "allowlisted": allowlisted,
    "public": public,
}


def link(store: Store, key: str) -> Link:
    """The URL of that object in the configured mode, and when it expires."""
    return MODES[store.config.url].link(store, key)
