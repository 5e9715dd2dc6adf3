"""Staging against an embedded S3 that checks signatures, with a proxy in front of it that has bad days."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import time
import traceback
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.endpoint
import pytest
import requests
import tenacity.nap
from botocore.credentials import Credentials, RefreshableCredentials
from fakes import Arrived, Faults, answer, free_port, hold, wire

import pipeline.s3.multipart
import pipeline.stage
from pipeline import ConfigError, HostedFile, PipelineError, StageError, preflight
from pipeline.config import Config, StageConfig
from pipeline.s3.client import Store
from pipeline.sandbox import Sandbox, start
from pipeline.stage import Upload
from pipeline.urls import link, presigned
from pipeline.wire import hushed

MIB = 1 << 20
DATA = random.Random(7).randbytes(10 * MIB + 123)  # noqa: S311


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with start() as running:
        yield running


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts as small as S3 takes them, no pauses, and no credentials but those that a test gives."""
    monkeypatch.setattr(pipeline.stage, "PART_BYTES", 5 * MIB)
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None, time=time.time))
    monkeypatch.setattr(tenacity.nap, "sleep_using_event", lambda _: lambda _: None)
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


def store_of(sandbox: Sandbox, **keys: Any) -> Store:
    config = {
        "bucket": sandbox.bucket,
        "endpoint_url": sandbox.endpoint_url,
        "region": sandbox.region,
        **keys,
    }
    return Store(StageConfig.model_validate(config), (sandbox.access_key, sandbox.secret_key))


@pytest.fixture(scope="module")
def store(sandbox: Sandbox) -> Store:
    return store_of(sandbox)


class Left:
    """What is in the bucket, from one look to the next."""

    def __init__(self, store: Store) -> None:
        self.client, self.bucket = store.client, store.bucket
        self.before = self.keys()

    def keys(self) -> set[str]:
        return {found["Key"] for found in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])}

    def uploads(self) -> list[Any]:
        return list(self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))

    def nothing(self) -> bool:
        return self.keys() == self.before and self.uploads() == []


@pytest.fixture
def left(store: Store) -> Left:
    return Left(store)


Fault = Callable[[Arrived, str, int], bytes | str | None]


def on(asked: str, reply: bytes | str | None, times: int = 99) -> Fault:
    """The fault that answers so to the first requests of that kind ("": of any)."""

    def fault(request: Arrived, kind: str, before: int) -> bytes | str | None:
        return reply if asked in ("", kind) and before < times else None

    return fault


@pytest.fixture
def faulty(sandbox: Sandbox) -> Iterator[Callable[[Fault], tuple[Store, Faults]]]:
    """Makes a store behind a proxy that has that fault."""
    with ExitStack() as stack:

        def make(fault: Fault) -> tuple[Store, Faults]:
            faults = Faults(urlsplit(sandbox.endpoint_url).port or 0, fault)
            server = stack.enter_context(wire(faults))
            return store_of(sandbox, endpoint_url=server.url), faults

        yield make


def stage(store: Store, data: bytes = DATA, piece: int = 700_001) -> HostedFile:
    with hushed(), Upload(store, "run-1") as upload:
        for i in range(0, len(data), piece):
            upload.write(data[i : i + piece])
        made = link(store, upload.key)
        URLS[upload.key] = made.url.get_secret_value()
        return upload.complete(made)


URLS: dict[str, str] = {}


def fetch(hosted: HostedFile) -> bytes:
    with requests.get(URLS[hosted.key], timeout=10) as got:
        assert got.status_code == 200
        return got.content


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 10 * MIB, len(DATA)])
def test_the_bytes_arrive_as_they_were(store: Store, left: Left, size: int) -> None:
    hosted = stage(store, DATA[:size])
    assert fetch(hosted) == DATA[:size]
    assert hosted.bytes == size
    assert left.uploads() == []
    assert left.keys() - left.before == {hosted.key}


def test_the_object_is_described_and_named_as_designed(store: Store) -> None:
    hosted = stage(store, b"EMAIL\n")
    got = requests.get(URLS[hosted.key], timeout=5)
    assert got.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert got.headers["Cache-Control"] == "private, no-store"
    prefix, _, name = hosted.key.rpartition("/")
    assert prefix == "hosted"
    assert len(name) == len("run-1-") + 32 + len(".csv")
    assert hosted.key != stage(store, b"EMAIL\n").key
    assert stage(store_of_prefix(store, "a/b/"), b"x").key.startswith("a/b/hosted/run-1-")


def store_of_prefix(store: Store, prefix: str) -> Store:
    return Store(store.config.model_copy(update={"prefix": prefix}), store.keys)


def test_nothing_is_visible_before_the_end(store: Store, left: Left) -> None:
    with Upload(store, "run-1") as upload:
        upload.write(DATA)
        assert left.keys() == left.before
        assert requests.get(store.signed(upload.key), timeout=5).status_code == 404
        hosted = upload.complete(link(store, upload.key))
    assert left.keys() - left.before == {hosted.key}


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), ZeroDivisionError(), SystemExit(1), None])
def test_leaving_before_the_end_leaves_nothing(store: Store, left: Left, stop: BaseException | None) -> None:
    with suppress(KeyboardInterrupt, ZeroDivisionError, SystemExit), Upload(store, "run-1") as upload:
        upload.write(DATA)
        assert len(left.uploads()) == 1
        if stop:
            raise stop
    assert left.nothing()


@pytest.mark.slow
@pytest.mark.parametrize("reply", ["reset", "cut", "spoil", answer(500), answer(429)])
def test_a_part_that_fails_is_sent_again(faulty: Any, left: Left, reply: bytes | str) -> None:
    def fault(request: Arrived, kind: str, before: int) -> bytes | str | None:
        return reply if kind == "part" and before in (0, 2, 3) else None

    store, faults = faulty(fault)
    hosted = stage(store)
    assert fetch(hosted) == DATA
    assert faults.seen.count("part") == 6
    assert left.uploads() == []


@pytest.mark.slow
@pytest.mark.parametrize("reply", ["reset", "spoil", answer(503)], ids=["reset", "spoil", "503"])
def test_a_part_that_never_arrives_leaves_nothing(faulty: Any, left: Left, reply: bytes | str) -> None:
    store, faults = faulty(lambda request, *_: reply if "partNumber=2" in request.target else None)
    with pytest.raises(StageError, match="Part 2 could not be uploaded") as raised:
        stage(store)
    assert raised.value.retryable
    assert left.nothing()
    assert sum("partNumber=2" in arrived.target for arrived in faults.arrived) == 5


def test_a_part_that_is_refused_is_not_sent_again(faulty: Any, left: Left) -> None:
    denied = answer(403, b"<Error><Code>AccessDenied</Code><Message>key AKIAX</Message></Error>")
    store, faults = faulty(on("part", denied))
    with pytest.raises(StageError, match="refused part 1: HTTP 403 AccessDenied") as raised:
        stage(store, DATA[:MIB])
    assert "permission" in raised.value.hint
    assert faults.seen.count("part") == 1
    assert left.nothing()


def parts_of(faults: Faults) -> list[Arrived]:
    return [arrived for arrived in faults.arrived if "partNumber=" in arrived.target]


def test_each_part_carries_its_crc32_and_no_credentials(faulty: Any) -> None:
    store, faults = faulty(on("", None))
    stage(store)
    parts = parts_of(faults)
    assert len(parts) == 3
    for part in parts:
        digest = zlib.crc32(part.body).to_bytes(4, "big")
        assert part.headers["x-amz-checksum-crc32"] == b64encode(digest).decode()
        assert "x-amz-checksum-crc32" in parse_qs(urlsplit(part.target).query)["X-Amz-SignedHeaders"][0]
        assert "authorization" not in part.headers
    assert sorted(len(part.body) for part in parts) == [123, 5 * MIB, 5 * MIB]


def averse_to_checksums(request: Arrived, kind: str, before: int) -> bytes | None:
    """A store that answers 501 to the wish."""
    if kind == "create" and "x-amz-checksum-algorithm" in request.headers:
        return answer(501, b"<Error><Code>NotImplemented</Code><Message>no such header</Message></Error>")
    return None


@pytest.mark.parametrize("fault", [averse_to_checksums, on("create", "hush")], ids=["refuses", "is silent"])
def test_a_store_that_promises_no_crc32_gets_the_md5_of_each_part(
    faulty: Any, left: Left, fault: Fault
) -> None:
    store, faults = faulty(fault)
    assert fetch(stage(store)) == DATA
    assert faults.seen.count("create") == 2
    assert left.uploads() == []
    parts = parts_of(faults)
    assert len(parts) == 3
    for part in parts:
        digest = hashlib.md5(part.body, usedforsecurity=False).digest()
        assert part.headers["content-md5"] == b64encode(digest).decode()
        assert "content-md5" in parse_qs(urlsplit(part.target).query)["X-Amz-SignedHeaders"][0]
        assert "x-amz-checksum-crc32" not in part.headers


def test_a_store_that_keeps_the_crc32_of_parts_alone_gets_these(faulty: Any, left: Left) -> None:
    store, faults = faulty(on("create", "hush type"))
    assert fetch(stage(store)) == DATA
    assert faults.seen.count("create") == 1
    assert all("x-amz-checksum-crc32" in part.headers for part in parts_of(faults))
    (complete,) = [arrived for arrived in faults.arrived if arrived.method == "POST" and arrived.body]
    assert complete.body.count(b"<ChecksumCRC32>") == 3
    assert "x-amz-checksum-crc32" not in complete.headers


def test_an_upload_given_up_unheard_is_given_up(faulty: Any, left: Left) -> None:
    def silent(request: Arrived, kind: str, before: int) -> str | None:
        return {"create": "hush", "abort": "hide"}.get(kind) if before == 0 else None

    store, faults = faulty(silent)
    assert fetch(stage(store)) == DATA
    assert faults.seen.count("abort") == 2
    assert left.uploads() == []


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket"])
def test_a_create_refused_for_another_reason_is_not_asked_again(faulty: Any, code: str) -> None:
    store, faults = faulty(on("create", answer(403, f"<Error><Code>{code}</Code></Error>".encode())))
    with pytest.raises(StageError, match=code):
        stage(store)
    assert faults.seen == ["create"]


@pytest.mark.slow
@pytest.mark.parametrize("reply", ["hide", "lose"])
def test_a_complete_that_succeeded_unheard_is_a_success(faulty: Any, left: Left, reply: str) -> None:
    store, _ = faulty(on("complete", reply, times=1))
    hosted = stage(store)
    assert fetch(hosted) == DATA
    assert left.keys() - left.before == {hosted.key}
    store, _ = faulty(on("complete", reply))
    assert fetch(stage(store, b"x")) == b"x"


def test_a_complete_that_is_still_under_way_is_seen_at_the_second_look(faulty: Any, left: Left) -> None:
    later: list[Arrived] = []

    def fault(request: Arrived, kind: str, before: int) -> bytes | None:
        if kind == "complete":
            later.append(request)
            return answer(500)
        if kind == "abort" and before == 0:
            made.forward(later[0])
        return None

    store, made = faulty(fault)
    hosted = stage(store, b"x")
    assert fetch(hosted) == b"x"
    assert left.keys() - left.before == {hosted.key}


@pytest.mark.slow
@pytest.mark.parametrize("reply", [answer(500), answer(403)], ids=["500", "403"])
def test_a_complete_that_failed_leaves_nothing(faulty: Any, left: Left, reply: bytes | str) -> None:
    store, faults = faulty(on("complete", reply))
    with pytest.raises(StageError, match="completing the upload"):
        stage(store)
    assert left.nothing()
    assert "abort" in faults.seen


@pytest.mark.parametrize("done", [True, False])
def test_an_interrupted_complete_leaves_nothing(
    store: Store, left: Left, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    complete = store.client.complete_multipart_upload

    def interrupted(**where: Any) -> None:
        if done:
            complete(**where)
        raise KeyboardInterrupt

    monkeypatch.setattr(store.client, "complete_multipart_upload", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage(store)
    assert left.nothing()


def test_a_file_nobody_was_told_of_is_taken_away(store: Store, left: Left) -> None:
    with suppress(KeyboardInterrupt), Upload(store, "run-1") as upload:
        upload.write(b"x")
        upload.complete(link(store, upload.key))
        raise KeyboardInterrupt
    assert left.nothing()


def test_what_could_not_be_removed_is_said(faulty: Any, caplog: pytest.LogCaptureFixture, left: Left) -> None:
    store, _ = faulty(on("abort", answer(403)))
    with pytest.raises(ZeroDivisionError), Upload(store, "run-1") as upload:
        raise ZeroDivisionError
    assert "may be left behind" in caplog.text
    assert {vars(each)["run_id"] for each in caplog.records if each.name == "pipeline"} == {"run-1"}
    assert upload.left_behind == [f"s3://contacts/{upload.key} (its unfinished upload)"]
    [upload_left] = left.uploads()
    left.client.abort_multipart_upload(Bucket="contacts", Key=upload.key, UploadId=upload_left["UploadId"])
    with pytest.raises(StageError, match="removing an unfinished upload"), Upload(store, "run-1") as upload:
        pass  # left without an error of its own, so this one counts
    [upload_left] = left.uploads()
    left.client.abort_multipart_upload(Bucket="contacts", Key=upload.key, UploadId=upload_left["UploadId"])


def test_an_abort_is_repeated_until_no_part_is_left(faulty: Any, left: Left) -> None:
    store, faults = faulty(on("abort", answer(204), times=2))
    with suppress(ZeroDivisionError), Upload(store, "run-1") as upload:
        upload.write(DATA)
        (begun,) = left.uploads()
        where: Any = {"Bucket": "contacts", "Key": upload.key, "UploadId": begun["UploadId"]}
        while not left.client.list_parts(**where).get("Parts"):
            time.sleep(0.01)
        raise ZeroDivisionError
    assert faults.seen.count("abort") == 3
    assert left.nothing()


@pytest.mark.parametrize(
    ("keys", "said", "hint"),
    [
        ({"bucket": "no-such-bucket"}, "NoSuchBucket", "stage.bucket"),
        ({"endpoint_url": f"http://127.0.0.1:{free_port()}"}, "EndpointConnectionError", "endpoint_url"),
        ({"endpoint_url": "https://s3.does-not-exist.invalid"}, "EndpointConnectionError", "endpoint_url"),
    ],
)
def test_where_the_store_is_not(sandbox: Sandbox, keys: Any, said: str, hint: str) -> None:
    with pytest.raises(StageError, match=said) as raised:
        stage(store_of(sandbox, **keys), b"x")
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("which", "said", "hint"),
    [(0, "InvalidAccessKeyId", "access key"), (1, "SignatureDoesNotMatch", "secret key")],
)
def test_wrong_keys(sandbox: Sandbox, which: int, said: str, hint: str) -> None:
    store = store_of(sandbox)
    keys = ("wrongwrongwrong" if which == 0 else sandbox.access_key, "wrong" if which else sandbox.secret_key)
    with pytest.raises(StageError, match=said) as raised:
        stage(Store(store.config, keys), b"x")
    assert hint in raised.value.hint


def test_no_credentials_and_no_such_profile(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StageError, match="No AWS credentials") as raised:
        stage(Store(store_of(sandbox).config), b"x")
    assert "AWS_PROFILE" in raised.value.hint
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    with pytest.raises(StageError, match="ProfileNotFound") as raised:
        stage(Store(store_of(sandbox).config), b"x")
    assert "AWS_PROFILE" in raised.value.hint


def test_no_permission(faulty: Any) -> None:
    denied = answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    store, _ = faulty(on("", denied))
    with pytest.raises(StageError, match="AccessDenied while starting the upload") as raised:
        stage(store, b"x")
    assert "permission" in raised.value.hint


def test_a_host_name_that_boto3_refuses(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigError, match=r"stage\.endpoint_url"):
        stage(store_of(sandbox, endpoint_url="https://my_minio:9000"), b"x")


@pytest.mark.slow
def test_a_store_that_says_nothing(faulty: Any, monkeypatch: pytest.MonkeyPatch, left: Left) -> None:
    monkeypatch.setattr(pipeline.s3.multipart, "TIMEOUT", (5, 0.2))

    def silent(request: Arrived, kind: str, before: int) -> str | None:
        if kind == "part":
            time.sleep(0.5)
        return "lose" if kind == "part" else None

    store, _ = faulty(silent)
    with pytest.raises(StageError, match="Part 1 could not be uploaded: ReadTimeout"):
        stage(store, b"x")
    assert left.nothing()


def test_more_than_an_upload_can_hold(store: Store, left: Left, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.stage, "MAX_PARTS", 1)
    monkeypatch.setattr(pipeline.stage, "PART_BYTES", 1024)
    with pytest.raises(StageError, match="larger than one upload can hold"):
        stage(store, DATA[: 64 << 10])
    assert left.nothing()


def test_a_proxy_of_the_environment_is_not_used(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with wire(hold) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        stage(store, b"x")
    assert proxy.connections == 0


def test_the_presigned_url(store: Store) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    hosted = stage(Store(store.config.model_copy(update={"expires_in": 1800}), store.keys), b"x")
    query = parse_qs(urlsplit(URLS[hosted.key]).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["1800"]
    assert hosted.expires_at is not None
    ends = datetime.strptime(hosted.expires_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert signed - timedelta(seconds=1) <= ends - timedelta(seconds=1800) <= signed
    assert before <= signed
    tampered = URLS[hosted.key].replace("X-Amz-Expires=1800", "X-Amz-Expires=1801")
    assert requests.get(tampered, timeout=5).status_code == 403
    assert URLS[hosted.key] not in repr(hosted)


def test_a_url_is_signed_for_the_name_outside(sandbox: Sandbox) -> None:
    inside = store_of(sandbox)
    outside = sandbox.endpoint_url.replace("127.0.0.1", "localhost")
    hosted = stage(store_of(sandbox, public_endpoint_url=outside), b"x")
    assert URLS[hosted.key].startswith(outside)
    assert fetch(hosted) == b"x"
    wrong = URLS[hosted.key].replace(outside, str(inside.config.endpoint_url))
    assert requests.get(wrong, timeout=5).status_code == 403


@pytest.mark.parametrize("hours", [0, 5, -8])
def test_temporary_credentials_end_the_url(store: Store, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    end = datetime.now(zone).replace(microsecond=0) + timedelta(hours=2)
    temporary = RefreshableCredentials("AKIAX", "secret", "token", end, refresh_using=dict, method="test")
    monkeypatch.setattr(store.session, "get_credentials", lambda: temporary)
    expires_at = presigned.link(store, "hosted/x.csv").expires_at
    assert expires_at == end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    strict = Store(store.config.model_copy(update={"min_lifetime": 3 * 3600}), store.keys)
    monkeypatch.setattr(strict.session, "get_credentials", lambda: temporary)
    with pytest.raises(StageError, match=f"live until {expires_at} only") as raised:
        presigned.link(strict, "hosted/x.csv")
    assert "min_lifetime" in raised.value.hint
    short = Store(store.config.model_copy(update={"expires_in": 60, "min_lifetime": 3600}), store.keys)
    monkeypatch.setattr(short.session, "get_credentials", lambda: temporary)
    assert presigned.link(short, "hosted/x.csv").expires_at  # it was asked to be that short


def test_temporary_credentials_of_unknown_end_are_warned_about(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.session, "get_credentials", lambda: Credentials("AKIAX", "secret", "token"))
    unending = presigned.link(store, "hosted/x.csv")
    assert unending.expires_at is None
    config = {"stage": {"bucket": store.bucket, "expires_in": "12h"}, "contract": {"schema": "own.py:SCHEMA"}}
    (doubt,) = preflight.doubts(Config.model_validate(config), unending)
    assert "do not say when they end" in doubt


@pytest.mark.slow
def test_no_secret_in_logs_errors_and_reprs(
    sandbox: Sandbox, faulty: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = ""
    echo = answer(400, f"<Error><Code>X</Code><Message>{sandbox.secret_key}</Message></Error>".encode())
    faults: list[Fault] = [
        on("", None),
        on("part", "reset"),
        on("part", echo),
        on("complete", echo),
        on("", echo),
    ]
    signatures: set[str] = set()
    for fault in faults:
        store, made = faulty(fault)
        try:
            hosted = stage(store, b"x")
            told += repr(hosted)
            signatures.add(parse_qs(urlsplit(URLS[hosted.key]).query)["X-Amz-Signature"][0])
        except PipelineError as error:
            told += "".join(traceback.format_exception(error)) + repr(error)
        for arrived in made.arrived:
            signatures |= set(parse_qs(urlsplit(arrived.target).query).get("X-Amz-Signature", []))
        told += repr(store)
    assert len(signatures) > 3
    for secret in (*signatures, sandbox.secret_key):
        assert secret not in told + caplog.text
