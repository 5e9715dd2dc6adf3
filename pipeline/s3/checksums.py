"""How the store is made to verify each part: by CRC32 where it says that it keeps one, else by Content-MD5.

AWS and MinIO keep a CRC32 where CreateMultipartUpload asks for it, and say so in their answer;
then each part and Complete have to carry it. It costs a fifth of MD5's time. With others, which ignore the
wish or refuse it, the upload is begun again without.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Checksum:
    """One way to verify: boto3's parameter, HTTP's header, the digest of a part given in pieces."""

    parameter: str
    header: str
    digest: Callable[[Iterable[memoryview]], bytes]
    completes: bool  # whether Complete has to name each part's

    def of(self, pieces: Iterable[memoryview]) -> str:
        """The header's value for that part."""
        return b64encode(self.digest(pieces)).decode()


def _crc32(pieces: Iterable[memoryview]) -> bytes:
    value = 0
    for piece in pieces:
        value = zlib.crc32(piece, value)
    return value.to_bytes(4, "big")


def _md5(pieces: Iterable[memoryview]) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


CRC32 = Checksum("ChecksumCRC32", "x-amz-checksum-crc32", _crc32, completes=True)
MD5 = Checksum("ContentMD5", "Content-MD5", _md5, completes=False)
