"""Checksums of pieces combine to the whole's, and the store's answer has to hold it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import StageConfig
from pipeline.errors import StageError
from pipeline.handoffs import Fingerprint
from pipeline.s3.checksums import encoded_crc32, fingerprint, joined
from pipeline.s3.client import Store
from pipeline.s3.multipart import Begun, begin, complete, put_part
from pipeline.sandbox import start


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6))
def test_pieces_combine_to_the_whole_however_it_is_cut(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    parts = [fingerprint([piece], records=1) for piece in pieces]
    expected = Fingerprint(len(whole), len(pieces), zlib.crc32(whole), zlib.adler32(whole))
    assert reduce(joined, parts) == expected
    assert fingerprint(pieces, records=len(pieces)) == expected


def test_long_pieces_combine_too() -> None:
    first, second = b"\xff" * 9_000_001, b"\x00\xfe" * 8_388_608
    both = joined(fingerprint([first]), fingerprint([second]))
    assert both == fingerprint([first + second])


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with start() as sandbox:
        named = {"bucket": sandbox.bucket, "endpoint_url": sandbox.endpoint_url, "region": sandbox.region}
        yield Store(StageConfig.model_validate(named), (sandbox.access_key, sandbox.secret_key))


PARTS = (bytes(range(256)) * 20480, b"EMAIL\n" * 100)


def put_all(begun: Begun) -> dict[int, tuple[str, Fingerprint]]:
    done = {}
    for number, data in enumerate(PARTS, 1):
        part = fingerprint([data])
        pieces = [memoryview(data)]
        checksum = begun.checksum(part, pieces)
        done[number] = (put_part(begun.part_url(number, checksum), checksum, pieces), part)
    return done


def test_the_store_answers_with_the_whole_objects_crc32(store: Store) -> None:
    begun = begin(store, "hosted/right.csv")
    assert begun.crc32 == "whole"
    whole = fingerprint(PARTS)
    complete(begun, put_all(begun), whole)
    head = store.client.head_object(Bucket=store.bucket, Key=begun.key, ChecksumMode="ENABLED")
    assert (head["ChecksumCRC32"], head["ContentLength"]) == (encoded_crc32(whole.crc32), whole.bytes)


def test_a_whole_object_of_another_crc32_is_refused_and_not_visible(store: Store) -> None:
    begun = begin(store, "hosted/wrong.csv")
    done = put_all(begun)
    with pytest.raises(StageError, match="BadDigest while completing"):
        complete(begun, done, fingerprint([*PARTS, b"more"]))
    with pytest.raises(ClientError, match="404"):
        store.client.head_object(Bucket=store.bucket, Key=begun.key)


def test_a_part_of_another_crc32_is_refused(store: Store) -> None:
    begun = begin(store, "hosted/part.csv")
    wrong = {"x-amz-checksum-crc32": encoded_crc32(zlib.crc32(b"other bytes"))}
    with pytest.raises(Exception, match="BadDigest"):
        put_part(begun.part_url(1, wrong), wrong, [memoryview(b"these bytes")])


def test_parts_are_refused_without_the_checksum_that_was_agreed_on(store: Store) -> None:
    begun = begin(store, "hosted/none.csv")
    where: Any = {**begun.where, "PartNumber": 1}
    url = store.client.generate_presigned_url("upload_part", Params=where)
    with pytest.raises(StageError, match="InvalidRequest"):
        put_part(url, {}, [memoryview(b"x")])
