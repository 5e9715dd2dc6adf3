"""Files that hold contacts: readable by their owner only, and whole under their name or not there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.errors import ConfigError


class PrivateFile:
    """A file of mode 0600, whatever the umask says; what is written appears at `path` by `complete`.

    Until then it is called `.NAME.part`, which one run at a time has. Its folder is made; a symbolic link in
    its place is not followed. As a context manager it is discarded at the end unless completed. Raises
    ConfigError where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f".{path.name}.part")
        with self._named_in_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(EISDIR, "it is a folder")
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            self._file = os.fdopen(descriptor, "wb", buffering=1 << 20)
            self._require_to_have_it()
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def write(self, data: bytes) -> None:
        """Take the next bytes of the file."""
        with self._named_in_errors():
            self._file.write(data)

    def complete(self, path: Path | None = None) -> None:
        """Make the file appear, whole, in the place of an older one; `path` is another name for it."""
        with self._named_in_errors():
            self._file.flush()
            self._part.replace(path or self.path)
            self._file.close()

    def discard(self) -> None:
        """Take away what was written; nothing, once the file is complete."""
        if self._file.closed:
            return
        self._part.unlink(missing_ok=True)
        with suppress(OSError):  # what cannot be flushed to a full disk is not wanted any more
            self._file.close()

    def _require_to_have_it(self) -> None:
        """Raise ConfigError where another run has the file, locked until it is complete or gone."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = self._part.stat().st_ino == os.fstat(self._file.fileno()).st_ino
        except (BlockingIOError, FileNotFoundError):
            is_ours = False
        except OSError:
            is_ours = True  # a file system without locks
        if not is_ours:
            self._file.close()
            raise ConfigError(
                f"The file {self.path} is being written by another run.",
                hint="Wait for its end, or give each run a folder of its own.",
            )

    @contextmanager
    def _named_in_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"The file {self.path} cannot be written: {error.strerror}.",
                hint="Point --output or contract.rejects at a folder with room that may be written to.",
            ) from None
