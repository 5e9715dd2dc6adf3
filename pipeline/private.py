"""Files that hold contacts: readable by their owner only, whatever the umask says."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pipeline.errors import ConfigError


def private_file(path: Path) -> IO[bytes]:
    """A new file of mode 0600, open for writing; its folder is made, an older file is replaced.

    Raises ConfigError where it cannot be written. A symbolic link in its place is not followed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise ConfigError(
            f"The file {path} cannot be written: {error.strerror}.",
            hint="Point --output or contract.rejects at a folder that may be written to.",
        ) from None
    return os.fdopen(descriptor, "wb", buffering=1 << 20)


class Accepted:
    """The good bytes in a local file instead: what would be staged, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f".{path.name}.part")

    def __enter__(self) -> Self:
        self._file = private_file(self._part)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Take the next bytes of the file."""
        self._file.write(data)

    def complete(self) -> None:
        """Make the file appear, whole."""
        self._file.close()
        self._part.replace(self.path)
