"""S3's checksums as S3 holds to them: moto takes wrong ones, and not every moto says which it was asked for.

Computed here and not by what made them, so that a fault of the sender's shows: a part's own, and at Complete
the whole object's, over the parts as the store has them.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipeline.sandbox.sigv4 import Refused, Request

PREFIX = "x-amz-checksum-"
ALGORITHM, TYPE, CRC32 = PREFIX + "algorithm", PREFIX + "type", PREFIX + "crc32"
Headers = list[tuple[str, str]]


class Checksums:
    """What each upload agreed on, by its id, and the CRC-32 of whole objects, by bucket and key."""

    def __init__(self) -> None:
        self._agreed: dict[str, tuple[str, str]] = {}
        self._objects: dict[tuple[str, str], str] = {}

    def check(self, request: Request, place: tuple[str, str], parts: Mapping[int, Any]) -> None:
        """Raise Refused where a checksum is wrong, or one is missing that the upload agreed on.

        `place` is bucket and key, `parts` the parts that the store has of the upload, as moto keeps them.
        """
        upload = dict(request.parameters).get("uploadId", "")
        algorithm, kind = self._agreed.get(upload, ("", ""))
        if request.method == "POST" and upload:
            if algorithm and request.body.count(f"<Checksum{algorithm}>".encode()) < request.body.count(
                b"<Part>"
            ):
                raise Refused(400, "InvalidRequest", "Complete must include the checksum of each part.")
            if kind == "FULL_OBJECT" and parts:
                self._objects[place] = _crc32_of(request, parts)
                _compare(
                    CRC32, request.headers.get(CRC32, self._objects[place]), self._objects[place], "BadDigest"
                )
            return
        if request.method == "PUT" and algorithm:
            sent_headers = (*request.headers, request.headers.get("x-amz-trailer"))
            if PREFIX + algorithm.lower() not in sent_headers:
                raise Refused(400, "InvalidRequest", "Checksum Type mismatch occurred.")
        _check_body(request)

    def of_object(self, place: tuple[str, str]) -> dict[str, str]:
        """What a Complete answers of the whole object's checksum, by XML's element."""
        if place not in self._objects:
            return {}
        return {"ChecksumCRC32": self._objects[place], "ChecksumType": "FULL_OBJECT"}

    def note(
        self,
        request: Request,
        place: tuple[str, str],
        headers: Headers,
        body: bytes,
    ) -> tuple[Headers, bytes]:
        """The store's answer to a request it did, with what S3 says of checksums in it."""
        upload = dict(request.parameters).get("uploadId", "")
        if request.query.startswith("uploads") and (wish := request.headers.get(ALGORITHM)):
            kind = request.headers.get(TYPE, "COMPOSITE")
            if found := re.search(rb"<UploadId>([^<]+)<", body):
                self._agreed[found[1].decode()] = (wish.upper(), kind)
            return _with(headers, {ALGORITHM: wish, TYPE: kind}), body
        if request.method == "POST" and self._agreed.get(upload, ("", ""))[1] == "FULL_OBJECT":
            body = re.sub(rb"<Checksum(CRC32|Type)>[^<]*</Checksum\1>", b"", body)
            elements = "".join(f"<{name}>{value}</{name}>" for name, value in self.of_object(place).items())
            body = body.replace(
                b"</CompleteMultipartUploadResult>", elements.encode() + b"</CompleteMultipartUploadResult>"
            )
            return _with(headers, {"Content-Length": str(len(body))}), body
        if request.headers.get(PREFIX + "mode") and place in self._objects:
            return _with(headers, {CRC32: self._objects[place], TYPE: "FULL_OBJECT"}), body
        return headers, body


def _with(headers: Headers, more: Mapping[str, str]) -> Headers:
    names = {name.lower() for name in more}
    return [(name, value) for name, value in headers if name.lower() not in names] + list(more.items())


def _crc32_of(request: Request, parts: Mapping[int, Any]) -> str:
    """The CRC-32 of the parts that a Complete names, one after the other."""
    numbers = re.findall(rb"<PartNumber>([0-9]+)</PartNumber>", request.body)
    return _crc32(parts[int(number)].value for number in numbers if int(number) in parts)


def _check_body(request: Request) -> None:
    if request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
        return  # of a chunked body the headers would describe the decoded bytes, which moto unpacks
    checks: tuple[tuple[str, str, Callable[[Iterable[bytes]], str]], ...] = (
        ("content-md5", "InvalidDigest", _md5),
        (CRC32, "InvalidRequest", _crc32),
    )
    for header, malformed, digest in checks:
        if (sent := request.headers.get(header)) is not None:
            _compare(header, sent, digest([request.body]), "BadDigest", malformed)


def _compare(header: str, sent: str, computed: str, wrong: str, malformed: str = "InvalidRequest") -> None:
    if len(sent) != len(computed):
        raise Refused(400, malformed, f"The {header} you specified is not valid.")
    if sent != computed:
        raise Refused(400, wrong, f"The {header} you specified did not match what we received.")


def _crc32(pieces: Iterable[bytes]) -> str:
    value = 0
    for piece in pieces:
        value = zlib.crc32(piece, value)
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def _md5(pieces: Iterable[bytes]) -> str:
    return base64.b64encode(hashlib.md5(b"".join(pieces), usedforsecurity=False).digest()).decode()
