"""The pre-flight: whom a URL shows what, against servers that misbehave; hosts that nobody can reach."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from fakes import Wire, answer, answering, drip, free_port, hold, read_request, reset, wire
from pydantic import SecretStr

from pipeline import preflight
from pipeline.config.file import load_config
from pipeline.errors import StageError
from pipeline.handoffs import Fingerprint, HostedFile
from pipeline.preflight import unreachable
from pipeline.s3.client import Store

HEAD = (b"EMAIL\n" + b"asha@example.com\n" * 100)[:1024]
LENGTH = 5_000_000_000
SECRET = "0123456789abcdef"


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "retried", lambda call, *_, **__: call())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "TIMEOUT", (0.5, 0.5))
    monkeypatch.setattr(preflight, "TOTAL_SECONDS", 1.0)


def check(at: str, /, **stage: Any) -> None:
    known = {"bucket": "my-bucket", "region": "eu-west-1"}
    config = load_config({"contract": {"schema": "s.py:S"}, "stage": known | stage})
    signed = f"{at}/hosted/a.csv?X-Amz-Credential=K&X-Amz-Signature={SECRET}"
    staged = Fingerprint(LENGTH, 0, 0, 0)
    hosted = HostedFile("my-bucket", "hosted/a.csv", config.stage.url, staged, sha256(HEAD).hexdigest())
    preflight.check(config, Store(config.stage, ("AKIA", "secret")), hosted, SecretStr(signed))


def ranged(total: object = LENGTH, body: bytes = HEAD) -> bytes:
    return answer(206, body, f"Content-Range: bytes 0-{len(body) - 1}/{total}\r\n")


def whole(length: int = LENGTH, extra: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{extra}\r\n".encode() + HEAD + b"more and more"


@pytest.mark.parametrize("reply", [ranged(), whole(), whole(extra="Content-Type: text/html\r\n")])
def test_the_file_itself_is_let_pass(reply: bytes) -> None:
    with answering(reply) as server:
        check(server.url)
    (request,) = server.arrived
    assert request.method == "GET"
    assert request.headers["range"] == f"bytes=0-{len(HEAD) - 1}"
    assert request.headers["accept-encoding"] == "identity"
    assert not {"authorization", "cookie"} & set(request.headers)
    assert request.target.endswith(SECRET)


def test_no_credentials_come_from_netrc_nor_proxies_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with answering(ranged()) as server:
        check(server.url)
    assert "authorization" not in server.arrived[0].headers


def xml(code: str, message: str = "No.") -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


@pytest.mark.parametrize(
    ("reply", "said", "hint"),
    [
        (ranged(LENGTH - 1), "4,999,999,999 bytes; 5,000,000,000 were staged", "cuts"),
        (ranged("*"), "does not say how long", "cuts"),
        (ranged("junk"), "does not say how long", "cuts"),
        (whole(LENGTH + 1), "5,000,000,001 bytes", "cuts"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + HEAD, "does not say how long", "cuts"),
        (ranged(body=HEAD.lower()), "other bytes", "changes"),
        (ranged(body=HEAD[:-1]), "other bytes", "changes"),
        (answer(200, b"", ""), "other bytes", "changes"),
        (answer(200, b"\n <!DOCTYPE html>"), "a web page", "would load that page"),
        (answer(200, b"Sign in", "Content-Type: text/html\r\n"), "a web page", "public_endpoint_url"),
        (answer(200, xml("AccessDenied")), "a web page", "would load"),
        (answer(204), "HTTP 204", "no file"),
        (answer(301, xml("PermanentRedirect")), "301 PermanentRedirect", "Redirects are not followed"),
        (answer(302, b"", "Location: https://example.com/\r\n"), "HTTP 302", "Redirects are not followed"),
        (
            answer(307, xml("TemporaryRedirect"), "x-amz-bucket-region: us-east-2\r\n"),
            "the bucket is in us-east-2",
            "region: us-east-2",
        ),
        (
            answer(
                400,
                b"<Error><Code>AuthorizationQueryParametersError</Code><Region>sa-east-1</Region></Error>",
            ),
            "the bucket is in sa-east-1",
            "region: sa-east-1",
        ),
        (answer(403, xml("SignatureDoesNotMatch")), "403 SignatureDoesNotMatch", "another host name"),
        (answer(403, xml("AccessDenied")), "403 AccessDenied", "s3:GetObject"),
        (answer(403, xml("AccessDenied", "Request has expired")), "403 AccessDenied", "expired already"),
        (answer(403, xml("AccessDenied", "not authorized: kms:Decrypt")), "AccessDenied", "key service"),
        (answer(400, xml("KMS.DisabledException")), "KMS.DisabledException", "key service"),
        (answer(403, xml("ExpiredToken")), "ExpiredToken", "temporary credentials have ended"),
        (answer(403, xml("RequestTimeTooSkewed")), "RequestTimeTooSkewed", "clock"),
        (answer(403, b"Forbidden by our firewall"), "HTTP 403", "not the store"),
        (answer(404, xml("NoSuchKey")), "404 NoSuchKey", "public_base_url"),
        (answer(404, xml("NoSuchBucket")), "404 NoSuchBucket", "public_endpoint_url"),
        (answer(404, b"<html>"), "HTTP 404", "not the store"),
        (answer(401, b"", 'WWW-Authenticate: Basic realm="x"\r\n'), "HTTP 401", "not the store"),
    ],
)
def test_what_is_not_the_file_is_told_with_its_way(reply: bytes, said: str, hint: str) -> None:
    with answering(reply) as server, pytest.raises(StageError) as caught:
        check(server.url)
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert f"127.0.0.1:{server.port}" in caught.value.message
    assert SECRET not in str(caught.value)
    assert "asha" not in str(caught.value)
    assert len(server.arrived) == 1, "a redirect is not followed, a refusal not repeated"


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("reply", "then"),
    [
        (b"", reset),
        (b"", hold),
        (b"HTTP/1.1 200 OK\r\n", hold),
        (b"HTTP/1.1 206 OK\r\nContent-Length: 100\r\n\r\n", drip),
        (b"not http at all\r\n\r\n", None),
        (answer(500), None),
        (answer(503, xml("SlowDown")), None),
        (answer(429), None),
    ],
)
def test_no_answer_is_an_error_in_time(
    reply: bytes, then: Callable[[Wire, socket.socket], None] | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pipeline")
    with (
        answering(reply, then) as server,
        pytest.raises(StageError, match=r"cannot be fetched|other bytes") as caught,
    ):
        check(server.url)
    assert SECRET not in str(caught.value) + caplog.text
    assert caught.value.__suppress_context__


def test_an_endless_refusal_is_not_read_to_its_end() -> None:
    def behave(server: Wire, connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        while not server.closing.is_set():
            connection.sendall(bytes(65536))

    with wire(behave) as server, pytest.raises(StageError, match="HTTP 403"):
        check(server.url)


def test_nobody_there() -> None:
    with pytest.raises(StageError, match="cannot be fetched: ConnectionError"):
        check(f"http://127.0.0.1:{free_port()}")


def test_a_server_without_tls() -> None:
    with (
        wire(lambda _, connection: connection.sendall(answer(400))) as server,
        pytest.raises(StageError, match="speaks no TLS"),
    ):
        check(server.url.replace("http:", "https:"))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (ranged(), "can be read from this machine"),
        (answer(404, xml("NoSuchKey")), "404"),
        (answer(403, b"Forbidden by our firewall"), "not the store"),
        (answer(403, xml("SignatureDoesNotMatch")), "SignatureDoesNotMatch"),
        (answer(302), "302"),
    ],
)
def test_allowlisted_takes_nothing_but_the_stores_own_refusal(reply: bytes, said: str) -> None:
    with answering(reply) as server, pytest.raises(StageError, match=said):
        check(server.url, url="allowlisted")


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("127.0.0.1", "own address"),
        ("127.1", "own address"),
        ("0x7f000001", "own address"),
        ("2130706433", "own address"),
        ("[::1]", "own address"),
        ("[::ffff:127.0.0.1]", "own address"),
        ("localhost", "without a dot"),
        ("localhost.", "without a dot"),
        ("bucket.localhost", "not public"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("169.254.169.254", "private"),
        ("100.64.0.1", "private"),
        ("0.0.0.0", "private"),  # noqa: S104
        ("224.0.0.1", "private"),
        ("192.0.2.1", "private"),
        ("[fd00::1]", "private"),
        ("[fe80::1]", "private"),
        ("[fe80::1%25eth0]", "private"),
        ("[::ffff:10.0.0.1]", "private"),
        ("minio", "without a dot"),
        ("minio.local", "not public"),
        ("MINIO.LOCAL.", "not public"),
        ("minio.storage.svc", "not public"),
        ("s3.internal", "not public"),
        ("nas.lan", "not public"),
        ("nas.home.arpa", "not public"),
    ],
)
def test_hosts_that_nobody_elsewhere_can_reach(host: str, why: str) -> None:
    assert why in unreachable(f"http://{host}:9000/bucket/a.csv")


@pytest.mark.parametrize(
    "host",
    [
        "my-bucket.s3.eu-central-1.amazonaws.com",
        "files.example.com",
        "8.8.8.8",
        "172.32.0.1",
        "15.206.255.213",
        "[2606:4700::1111]",
        "localhost.example.com",
        "local.example",
        "xn--bcher-kva.example",
    ],
)
def test_hosts_that_somebody_may_reach(host: str) -> None:
    assert unreachable(f"https://{host}/bucket/a.csv") == ""


def prepare(until: Any = "track", base_url: str | None = None, **stage: Any) -> None:
    known = {"bucket": "my-bucket", "region": "eu-west-1"}
    config = load_config(
        {"contract": {"schema": "s.py:S"}, "stage": known | stage, "submit": {"base_url": base_url}}
    )
    preflight.prepare(config, Store(config.stage, ("AKIA", "secret")), until)


LOCAL = {"endpoint_url": "http://127.0.0.1:9000"}


@pytest.mark.slow
def test_a_real_api_is_not_told_of_a_store_that_it_cannot_reach() -> None:
    with pytest.raises(StageError, match=r"cannot reach 127\.0\.0\.1") as caught:
        prepare(**LOCAL)
    assert "public_endpoint_url" in caught.value.hint
    with pytest.raises(StageError, match=r"cannot reach minio\.local"):
        prepare(base_url="https://api.example.com", endpoint_url="https://minio.local")
    with pytest.raises(StageError, match=r"cannot reach 10\.0\.0\.5"):
        prepare(
            url="public",
            public_access="understood",
            public_base_url="https://10.0.0.5",
        )


@pytest.mark.slow
def test_what_can_be_reached_or_is_not_sent_is_let_pass() -> None:
    prepare()
    prepare(**LOCAL, public_endpoint_url="https://files.example.com")
    prepare(**LOCAL, until="stage")
    prepare(**LOCAL, base_url="http://127.0.0.1:8000/apiv2")
