"""The file's bytes cut into parts of one size, and put from where they are by URLs that the driver signed.

A worker puts the parts that lie within its partition; what is left at the partition's two ends goes, through
the engine's shuffle, to one that gets all of such a part. So part i holds the same bytes whatever the
partitions are, and a task that is run twice puts the same again.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence

from pipeline.s3 import multipart
from pipeline.s3.checksums import encoded_md5, fingerprint
from pipeline.spread.addresses import Address
from pipeline.spread.records import Part, Target
from pipeline.stage import HEAD_BYTES, PIECE_BYTES, put_again
from pipeline.wire import within

Piece = tuple[int, int, list[memoryview]]
"""A part's number, where in the file this piece of it begins, and its bytes."""


class Cut:
    """The bytes of one partition, which begin at `start` of the file, cut where parts end."""

    def __init__(self, target: Target | None, start: int) -> None:
        self._part_bytes = target.part_bytes if target else 0
        self._start = start
        self._held: list[memoryview] = []

    def add(self, data: bytes) -> Iterator[Piece]:
        """What is complete with these bytes; nothing where there is no target."""
        rest = memoryview(data) if self._part_bytes else memoryview(b"")
        while rest:
            missing = self._part_bytes - (self._start + sum(map(len, self._held))) % self._part_bytes
            self._held.append(rest[:missing])
            if len(rest) >= missing:
                yield from self.rest()
            rest = rest[missing:]

    def rest(self) -> Iterator[Piece]:
        """What is left."""
        if self._held:
            held, start = self._held, self._start
            self._held, self._start = [], start + sum(map(len, held))
            yield start // self._part_bytes + 1, start, held


def put_part(target: Target, number: int, data: Sequence[memoryview]) -> Part:
    """The part, once the store has it. Raises StageError."""
    pieces = [one[at : at + PIECE_BYTES] for one in data for at in range(0, len(one), PIECE_BYTES)]
    headers = {"Content-MD5": encoded_md5(pieces)}
    etag = _put(target.addresses[number - 1], headers, pieces, f"part {number}")
    head = b""
    for piece in pieces:
        head += piece[: HEAD_BYTES - len(head)]
        if len(head) == HEAD_BYTES:
            break
    return Part(number, etag, fingerprint(pieces), hashlib.sha256(head).hexdigest())


def put_object(address: Address, headers: Mapping[str, str], data: bytes, what: str) -> None:
    """Put a whole object. Raises StageError, which calls it `what`."""
    pieces = [memoryview(data)]
    _put(address, {**headers, "Content-MD5": encoded_md5(pieces)}, pieces, what)


def _put(address: Address, headers: Mapping[str, str], pieces: Sequence[memoryview], what: str) -> str:
    def put_once() -> str:
        url = address.sign()
        return within(multipart.SIGNED_FOR, lambda: multipart.put_part(url, headers, pieces))

    return put_again(put_once, what, threading.Event())
