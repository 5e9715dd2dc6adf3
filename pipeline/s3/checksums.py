"""How the store is made to verify what it gets: by CRC-32 of the whole object if it keeps one, else by MD5.

CRC-32 costs a fifth of MD5's time, and those of parts combine to the whole object's, which the store computes
too and has to answer with. With stores that know nothing of it each part carries its MD5.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache

from pipeline.handoffs import Fingerprint

_POLYNOMIAL = 0xEDB88320  # CRC-32's, bits reversed: the highest bit stands for x^0
_ADLER_BASE = 65521


def fingerprint(pieces: Iterable[bytes | memoryview], records: int = 0) -> Fingerprint:
    """Length and checksums of the pieces put together."""
    length, crc, adler = 0, 0, 1
    for piece in pieces:
        length += len(piece)
        crc, adler = zlib.crc32(piece, crc), zlib.adler32(piece, adler)
    return Fingerprint(length, records, crc, adler)


def joined(first: Fingerprint, second: Fingerprint) -> Fingerprint:
    """The fingerprint of one text after the other, from theirs alone."""
    return Fingerprint(
        first.bytes + second.bytes,
        first.records + second.records,
        _times(_shift(second.bytes), first.crc32) ^ second.crc32,
        _joined_adler(first.adler32, second.adler32, second.bytes),
    )


def _times(a: int, b: int) -> int:
    """The product of two polynomials over GF(2), modulo CRC-32's."""
    product = 0
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return product


@lru_cache(maxsize=256)
def _shift(length: int) -> int:
    """x^(8 * length): what so many bytes behind a text do to its checksum. Parts are mostly of one length."""
    power, square, bits = 1 << 31, 1 << 30, 8 * length
    while bits:
        if bits & 1:
            power = _times(square, power)
        square, bits = _times(square, square), bits >> 1
    return power


def _joined_adler(first: int, second: int, length: int) -> int:
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = (first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)
    return high % _ADLER_BASE << 16 | low % _ADLER_BASE


def encoded_crc32(value: int) -> str:
    """A CRC-32 as S3 writes it."""
    return b64encode(value.to_bytes(4, "big")).decode()


def encoded_md5(pieces: Iterable[bytes | memoryview]) -> str:
    """The value of Content-MD5 for these pieces put together."""
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return b64encode(digest.digest()).decode()
