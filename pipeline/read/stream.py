"""The bytes of a source file as UTF-8, wherever they come from and however they are written.

file, .gz or standard input -> raw bytes -> (decoder, for another encoding) -> UTF-8 bytes without BOM

Undecodable bytes of another encoding become lone surrogates, so that they are invalid in UTF-8 too and
cost their own record only; `printable` turns them back for the rejects file.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.errors import SourceError
from pipeline.read.encoding import start_of
from pipeline.read.kinds import check_kind, check_packed

STDIN = "-"
_PACKED = (".gz", ".tgz")
_HEAD = 1 << 16


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("pipeline.undecodable", _mark_undecodable)


class ByteStream:
    """A source file being read, once, from the front; see `open_stream`.

    `name` is what messages call it, `size` its bytes on disk (None where that cannot be known), `crc32` that
    of what was read so far, unpacked, `packed` whether it is read through gzip, as its name says.
    """

    def __init__(self, path: str, file: IO[bytes]) -> None:
        self.name = "standard input" if path == STDIN else path
        self._path = path
        self._file = file
        self.packed = path.lower().endswith(_PACKED)
        self._raw = gzip.GzipFile(fileobj=file) if self.packed else file
        before = os.fstat(file.fileno()) if path != STDIN else None
        self._before = before if before and stat.S_ISREG(before.st_mode) else None
        self._count = 0
        self.crc32 = 0
        self._waiting = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._encoding = self.encoding = "utf-8"
        self._at_start = True
        self.size = self._before.st_size if self._before else None
        if self.packed:
            check_packed(self.name, self._peek())
        self.head = self._read_raw(_HEAD)

    @property
    def position(self) -> int:
        """How many bytes of the file are consumed, as it lies on disk."""
        return self._file.tell() if self._before else self._count

    @property
    def transcoded(self) -> bool:
        """Whether the source is written in another encoding than UTF-8."""
        return self._decoder is not None

    def decode(self, encoding: str | None) -> None:
        """Begin to read, in `encoding` (None: what the mark at its head says, else UTF-8).

        Raises SourceError where the head contradicts it.
        """
        name, mark = start_of(self.head, encoding, name=self.name)
        self.encoding = name
        self._waiting = self.head[mark:]
        if name != "utf-8":
            self._encoding = encoding or name
            self._decoder = codecs.getincrementaldecoder(name)("pipeline.undecodable")
            self._waiting = self._to_utf8(self._waiting, final=False)

    def is_utf8(self) -> bool:
        """Whether all of the file is UTF-8; of one that is read but once, or packed, what is read of it."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        regular = self._before and not self.packed
        try:
            if not regular:
                decoder.decode(self.head)
                return True
            with Path(self._path).open("rb") as file:
                while block := file.read(1 << 20):
                    decoder.decode(block)
        except OSError as error:
            raise _unreadable(self.name, error) from None
        except UnicodeDecodeError:
            return False
        return True

    def read(self, size: int) -> bytes:
        """About `size` bytes more, to the end of a line where that is easily had; b"" at the end only.

        Raises SourceError.
        """
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        size = len(data) + self._to_line_end(size - len(data))
        while len(data) < size and (raw := self._read_raw(size - len(data))):
            data += self._to_utf8(raw, final=False)
        grown = self._before and self._file.tell() > self._before.st_size
        if not data or grown:  # one that grows as fast as it is read would never end
            self._check_unchanged()
            data = data or self._to_utf8(b"", final=True)
        return data

    def unread(self, data: bytes) -> None:
        """Put `data` back, to be read next."""
        self._waiting = data + self._waiting

    def _to_utf8(self, raw: bytes, *, final: bool) -> bytes:
        if not self._decoder:
            return raw
        try:
            text = self._decoder.decode(raw, final)
        except UnicodeError:  # its codec knows no way to go on
            raise SourceError(
                f"{self.name}: cannot be decoded as {self._encoding}",
                hint="Set source.encoding to what it was saved as: utf-8, cp1252, utf-16-le.",
            ) from None
        if text and self._at_start:
            text, self._at_start = text.removeprefix("\ufeff"), False
        return text.encode("utf-8", "surrogatepass")

    def _to_line_end(self, size: int) -> int:
        """How many of the next `size` bytes go to the last line end, by a look at where they end."""
        if self._raw is not self._file or self._before is None or self._decoder:
            return size
        here, look = self._file.tell(), min(size, _HEAD)
        try:
            self._file.seek(here + size - look)
            end = self._file.read(look).rfind(b"\n") + 1
            self._file.seek(here)
        except OSError as error:
            raise _unreadable(self.name, error) from None
        return size - look + (end or look)

    def _read_raw(self, size: int) -> bytes:
        try:
            data = self._raw.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise SourceError(
                f"{self.name}: is no whole gzip file: it is cut short or damaged",
                hint="Fetch or export it again; nothing after the damage can be trusted.",
            ) from None
        except OSError as error:
            raise _unreadable(self.name, error) from None
        self._count += len(data)
        self.crc32 = zlib.crc32(data, self.crc32)
        return data

    def _peek(self) -> bytes:
        """The first bytes as they lie on disk."""
        try:
            return self._file.peek(_HEAD) if isinstance(self._file, io.BufferedReader) else b""
        except OSError as error:
            raise _unreadable(self.name, error) from None

    def _check_unchanged(self) -> None:
        if not self._before:
            return
        try:
            after = Path(self._path).stat()
        except OSError:
            after = None
        same = after and all(
            getattr(after, what) == getattr(self._before, what)
            for what in ("st_dev", "st_ino", "st_size", "st_mtime_ns")
        )
        if not same or self._file.tell() != self._before.st_size:
            raise SourceError(
                f"{self.name}: changed while it was read",
                hint="Run again once whatever writes it has finished, or on a copy of it.",
            )


@contextmanager
def open_stream(path: str) -> Iterator[ByteStream]:
    """The file at `path` (`-`: standard input; `.gz` is unpacked) as a ByteStream, closed on exit.

    Raises SourceError where it cannot be opened, is empty or is surely no CSV.
    """
    if path == STDIN and sys.stdin is None:
        raise SourceError("standard input: is closed", hint="Pipe a CSV into it, or name a file.")
    try:
        file = sys.stdin.buffer if path == STDIN else Path(path).open("rb")  # noqa: SIM115
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        stream = ByteStream(path, file)
        if not stream.head:
            raise SourceError(f"{stream.name}: is empty", hint="Was it exported to the end?")
        check_kind(stream.name, stream.head, packed=stream.packed)
        yield stream
    finally:
        if path != STDIN:
            file.close()


def printable(raw: bytes, *, transcoded: bool) -> str:
    """A malformed record as text for the rejects file: bytes that are no text as `\\xNN`, NUL too."""
    if transcoded:
        text = raw.decode("utf-8", "surrogatepass")
        text = re.sub("[\udc00-\udcff]", lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)
        text = text.encode("utf-8", "backslashreplace").decode()
    else:
        text = raw.decode("utf-8", "backslashreplace")
    return text.replace("\0", "\\x00")


def _unreadable(name: str, error: OSError) -> SourceError:
    hints = {
        FileNotFoundError: "Check the path. One that is given starts at the current folder, source.path at "
        "the config file's.",
        IsADirectoryError: "Name the file in it.",
        PermissionError: "Ask for permission to read it, or run as its owner.",
    }
    hint = hints.get(type(error), "Check that the file and its disk are in order.")
    return SourceError(f"{name}: cannot be read: {(error.strerror or 'I/O error').lower()}", hint=hint)
