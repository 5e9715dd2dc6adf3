"""Submitting: the wire format byte for byte, and what each way to answer (or not to) is taken for."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import logging
import socket
import ssl
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from fakes import Arrived, Wire, answer, answering, drip, free_port, hold, read_request, reset, wire
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import pipeline.submit
from pipeline import ConfigError, SubmitError, SubmitRefused, SubmitUnavailable, SubmitUnknown, load_config
from pipeline.submit import BASE_URLS, Request, build, submit
from pipeline.wire import hushed, redact, within

API_KEY = "planted&api=key+0123/abc"
SIGNATURE = "5e1f" * 16
PATH = (
    "https://my-bucket.s3.eu-central-1.amazonaws.com/hosted/a%20b.csv?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    f"&X-Amz-Credential=AKIAPLANTED%2F20250101&X-Amz-Expires=60&X-Amz-Signature={SIGNATURE}"
)
TOKEN = "c0ffee" * 8
REQUESTID = "0123456789abcdef" * 2
GOOD = answer(200, json.dumps({"requestid": REQUESTID, "result": "Success"}).encode())


def request(base: str, **submit_keys: Any) -> Request:
    keys = {"base_url": f"{base}/apiv2", "api_key": SecretStr(API_KEY), "listid": 42, **submit_keys}
    config = load_config({"contract": {"schema": "s"}, "submit": keys})
    return build(config, PATH, f"https://hooks.example.com/run/{TOKEN}")


@pytest.fixture
def logged() -> Iterator[Callable[[], str]]:
    """All that is logged anywhere, with the root logger at DEBUG, as a run would have it (hushed)."""
    records: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(f"{record.name} {record.getMessage()} {record.exc_text} {record.args}")

    root, keeper, level = logging.getLogger(), Keep(), logging.getLogger().level
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    with hushed():
        yield lambda: "\n".join(records)
    root.removeHandler(keeper)
    root.setLevel(level)


def no_secret(text: str) -> None:
    for secret in (API_KEY, "planted%26api", "planted&api", SIGNATURE, "AKIAPLANTED", TOKEN):
        assert secret not in text


@pytest.fixture
def fails(logged: Callable[[], str]) -> Callable[[str], SubmitError]:
    """Submits, expects an error, and looks for secrets wherever one could see them."""

    def attempt(base: str) -> SubmitError:
        asked = request(base)
        with pytest.raises(SubmitError) as raised:
            submit(asked)
        error = raised.value
        told = "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(error.args)
        assert error.__cause__ is None
        assert error.__suppress_context__ or error.__context__ is None
        no_secret(told + repr(asked) + str(asked) + logged())
        assert error.hint
        assert error.retryable is isinstance(error, SubmitUnavailable)
        assert error.exit_code == 6
        return error

    return attempt


def strict(arrived: Arrived) -> str:
    """What is wrong with a request by the API's documentation, "" if nothing."""
    parts = urlsplit(arrived.target)
    query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    form = parse_qsl(arrived.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    if arrived.method != "POST" or parts.path != "/apiv2":
        return "not POST /apiv2"
    if query != [("type", "contact"), ("activity", "bulkupload"), ("apikey", API_KEY)]:
        return f"query {query}"
    if arrived.headers.get("content-type") != "application/x-www-form-urlencoded":
        return "content type"
    if dict(form).get("path") != PATH:
        return f"path {form}"
    if len(form) != len(dict(form)) or not dict(form).keys() <= {"path", "listid", "notifyemail", "callback"}:
        return f"form {form}"
    if "authorization" in arrived.headers or "cookie" in arrived.headers:
        return "credentials"
    return ""


def test_the_wire_format(logged: Callable[[], str]) -> None:
    with answering(GOOD) as api:
        asked = request(api.url, notifyemail="ops+x@example.com")
        assert submit(asked).requestid == REQUESTID
    [arrived] = api.arrived
    assert strict(arrived) == ""
    assert parse_qsl(arrived.body.decode()) == [
        ("path", PATH),
        ("listid", "42"),
        ("notifyemail", "ops+x@example.com"),
        ("callback", f"https://hooks.example.com/run/{TOKEN}"),
    ]
    assert b"path=https%3A%2F%2F" in arrived.body
    no_secret(logged() + repr(asked) + str(asked))


def test_only_what_is_set_is_sent() -> None:
    config = load_config({"contract": {"schema": "s"}, "submit": {"api_key": SecretStr("k")}})
    plain = build(config, "https://x/a.csv", None)
    assert plain.form == {"path": "https://x/a.csv"}
    assert plain.url == BASE_URLS["us"]
    for idc, url in BASE_URLS.items():
        submits = {"api_key": SecretStr("k"), "idc": idc}
        config = load_config({"contract": {"schema": "s"}, "submit": submits})
        assert build(config, "x", None).url == url


@pytest.mark.parametrize("content", [b"the-key\n", b"\xef\xbb\xbfthe-key\r\n"])
def test_the_key_may_come_from_a_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    keys = {"api_key_file": str(tmp_path / "key")}
    config = load_config({"contract": {"schema": "s"}, "submit": keys})
    assert build(config, "x", None).query["apikey"] == "the-key"


@pytest.mark.parametrize(
    "content", [None, b"", b"  \n", b"two words", b"two\nlines", b"\xff\xfe", b"k\xc3\xa9y"]
)
def test_a_key_file_that_holds_no_key(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    keys = {"api_key_file": str(tmp_path / "key")}
    config = load_config({"contract": {"schema": "s"}, "submit": keys})
    with pytest.raises(ConfigError) as raised:
        build(config, "x", None)
    assert "two" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(code, SubmitUnknown) for code in (201, 202, 204, 206, 408, 500, 502, 503, 504)]
    + [(code, SubmitRefused) for code in (301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 413, 422)]
    + [(429, SubmitUnavailable)],
)
def test_what_a_status_means(fails: Any, status: int, expected: type[SubmitError]) -> None:
    tempting = b'{"requestid": "abc", "result": "Success"}' if status != 204 else b""
    with answering(answer(status, tempting)) as api:
        error = fails(api.url)
    assert type(error) is expected
    assert str(status) in error.message
    assert len(api.arrived) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(fails: Any, status: int) -> None:
    with (
        answering(GOOD) as elsewhere,
        answering(answer(status, b"", f"Location: {elsewhere.url}/apiv2?apikey=x\r\n")) as api,
    ):
        fails(api.url)
    assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Success</html>",
        b"null",
        b"[]",
        b'"Success"',
        b'[{"result": "Success", "requestid": "a"}]',
        b'{"result": "Success"}',
        b'{"result": "Success", "requestid": ""}',
        b'{"result": "Success", "requestid": "  "}',
        b'{"result": "Success", "requestid": null}',
        b'{"result": "Success", "requestid": true}',
        b'{"result": "Success", "requestid": ["a"]}',
        b'{"result": "Success", "requestid": "a b\\u001b[31m"}',
        b'{"result": "Success", "requestid": "' + b"a" * 5000 + b'"}',
        b'{"result": "success", "requestid": "a"}',
        b'{"result": "Queued", "requestid": "a"}',
        b'{"result": ""}',
        b'{"requestid": "a"}',
        b'{"result": {"a": 1}}',
        b'{"result": "Success", "requestid": "a"',
        b"\xff\xfe{}",
        b"[" * 30_000,
        b" " * 70_000 + b'{"result": "Success", "requestid": "a"}',
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_a_200_that_says_neither_yes_nor_no_is_unknown(fails: Any, body: bytes) -> None:
    with answering(answer(200, body)) as api:
        assert type(fails(api.url)) is SubmitUnknown


@pytest.mark.parametrize("requestid", [7, "7", " 7 "])
def test_a_request_id_may_be_a_number(requestid: object) -> None:
    body = json.dumps({"result": "Success", "requestid": requestid, "more": [1]}).encode()
    with answering(answer(200, body)) as api:
        assert submit(request(api.url)).requestid == "7"


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ("Invalid API key", "Invalid API key"),
        (f"Invalid API key {API_KEY}!", "Invalid API key ***"),
        (f"Cannot fetch {PATH} now", "Cannot fetch *** now"),
        (f"Bad signature {SIGNATURE}", "Bad signature ***"),
        ("Row 1: asha@example.com, +91 98765 43210", "Row 1: *** ***"),
        ("a\x1b[31mb\r\nc\x00d", "a [31mb c d"),
        ("no " * 1000, "no no no"),
    ],
)
def test_a_refusal_is_told_in_the_apis_words_without_values(fails: Any, result: str, shown: str) -> None:
    with answering(answer(200, json.dumps({"result": result}).encode())) as api:
        error = fails(api.url)
    assert type(error) is SubmitRefused
    assert shown in error.message
    assert len(error.message) < 300
    assert error.message.isprintable()


def hang_up(_server: Wire, connection: socket.socket) -> None:
    connection.close()


def read_then_hang_up(_server: Wire, connection: socket.socket) -> None:
    read_request(connection)


def read_then_reset(server: Wire, connection: socket.socket) -> None:
    read_request(connection)
    reset(server, connection)


def read_then_hold(server: Wire, connection: socket.socket) -> None:
    read_request(connection)
    hold(server, connection)


def drip_headers(server: Wire, connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    drip(server, connection)


def no_http(_server: Wire, connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.parametrize("behave", [read_then_hang_up, read_then_reset, hang_up, no_http])
def test_a_connection_that_breaks_leaves_it_unknown(fails: Any, behave: Any) -> None:
    with wire(behave) as api:
        assert type(fails(api.url)) is SubmitUnknown
    assert api.connections == 1  # and it is not sent again


def test_a_reset_at_once_is_never_a_refusal(fails: Any) -> None:
    with wire(reset) as api:  # whether it comes before the request is written is a matter of luck
        assert type(fails(api.url)) in (SubmitUnknown, SubmitUnavailable)
    assert api.connections == 1


@pytest.mark.parametrize("behave", [read_then_hold, drip_headers])
def test_silence_and_dripping_come_to_an_end(
    fails: Any, behave: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.submit, "READ_SECONDS", 0.3)
    monkeypatch.setattr(pipeline.submit, "TOTAL_SECONDS", 0.6)
    with wire(behave) as api:
        error = fails(api.url)
    assert type(error) is SubmitUnknown
    assert "in time" in error.message


def test_a_body_that_drips_for_ever_comes_to_an_end(fails: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.submit, "TOTAL_SECONDS", 0.5)
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", drip) as api:
        assert type(fails(api.url)) is SubmitUnknown


def test_a_refusal_counts_even_where_its_body_breaks_off(fails: Any) -> None:
    with answering(b"HTTP/1.1 403 No\r\nContent-Length: 999999\r\n\r\n<html>", reset) as api:
        assert type(fails(api.url)) is SubmitRefused


@pytest.mark.parametrize(
    "cut",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + GOOD[-60:],
        GOOD[:20],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
    ids=["short", "head", "chunk", "gzip"],
)
def test_an_answer_that_breaks_off_leaves_it_unknown(fails: Any, cut: bytes) -> None:
    with answering(cut) as api:
        assert type(fails(api.url)) is SubmitUnknown


def test_who_does_not_listen_or_exist_was_not_reached(fails: Any) -> None:
    assert type(fails(f"http://127.0.0.1:{free_port()}")) is SubmitUnavailable
    assert type(fails("https://api.does-not-exist.invalid")) is SubmitUnavailable


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate that nobody vouches for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "api")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(1))
    local = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = made.add_extension(x509.SubjectAlternativeName([local]), critical=False)
    signed = made.sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "c.pem").write_bytes(
        signed.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "c.pem")
    return context


def test_without_trusted_tls_nothing_is_sent(fails: Any, tmp_path: Path) -> None:
    context = certificate(tmp_path)

    def untrusted(server: Wire, connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            server.arrived.append(read_request(secure) or Arrived("", "", {}, b""))

    with wire(untrusted) as api:
        assert type(fails(f"https://127.0.0.1:{api.port}")) is SubmitUnavailable
    assert api.arrived == []
    with wire(lambda _, connection: connection.sendall(answer(400))) as plain:
        assert type(fails(f"https://127.0.0.1:{plain.port}")) is SubmitUnavailable


def test_no_proxy_and_no_netrc_on_the_way_to_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login planted password planted\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with answering(answer(200)) as proxy, answering(GOOD) as api:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        submit(request(api.url))
    assert proxy.connections == 0
    assert strict(api.arrived[0]) == ""


def test_a_proxy_that_refuses_was_not_the_api(fails: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for refusal in (answer(407), answer(502)):
        with answering(refusal) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            assert type(fails("https://api.example.com")) is SubmitUnavailable
    assert [arrived.method for arrived in proxy.arrived] == ["CONNECT"]


def test_a_netrc_is_not_used_elsewhere_either(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import requests

    from pipeline.wire import session

    (tmp_path / "netrc").write_text("machine api.example.com login planted password planted\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with session("https://api.example.com") as ours:
        made = ours.prepare_request(requests.Request("POST", "https://api.example.com"))
    assert "Authorization" not in made.headers


@given(st.text(max_size=60), st.text("abcdef0123456789", min_size=1, max_size=64))
def test_redact_takes_secrets_out_and_nothing_else(text: str, secret: str) -> None:
    for name in ("apikey", "X-Amz-Signature", "X-Amz-Security-Token", "Signature"):
        assert redact(f"https://h/p?a=1&{name}={secret}&b=2") == f"https://h/p?a=1&{name}=***&b=2"
        assert redact(f"p%3Fa%3D1%26{name}%3D{secret}%26b") == f"p%3Fa%3D1%26{name}%3D***%26b"
    if "=" not in text and "%" not in text:
        assert redact(text) == text


def test_hushed_gives_loggers_their_levels_back() -> None:
    names = ["urllib3", "urllib3.connectionpool", "botocore", "botocore.auth", "boto3"]
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    try:
        loggers[1].setLevel(logging.DEBUG)
        loggers[2].setLevel(logging.CRITICAL)
        now = [logger.level for logger in loggers]
        with hushed(), hushed():
            assert not any(logger.isEnabledFor(logging.INFO) for logger in loggers)
            assert not loggers[2].isEnabledFor(logging.ERROR)
        assert [logger.level for logger in loggers] == now
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def test_within_returns_raises_and_ends() -> None:
    assert within(5, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)
    with wire(hold) as server, pytest.raises(TimeoutError):
        within(0.1, lambda: server.closing.wait(2))
