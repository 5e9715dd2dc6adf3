"""The receiver of callbacks: whose address it is, its limits, and that nobody else gets any further."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from fakes import free_port
from pydantic import SecretStr

from pipeline import ConfigError, StageError, callback, receiver

OLD, NEW = SecretStr("old-secret-" + "o" * 32), SecretStr("new-secret-" + "n" * 32)
RUN = "20261125T120000Z-0a1b2c3d"
OTHER = "20261125T120000Z-0a1b2c3e"


class Inbox:
    def __init__(self, fails: Exception | None = None) -> None:
        self.came: list[tuple[str, str, bytes]] = []
        self.fails = fails

    def __call__(self, *request: Any) -> None:
        if self.fails:
            raise self.fails
        self.came.append(request)


@contextmanager
def served(heard: Callable[..., None], *secrets: SecretStr) -> Iterator[str]:
    with receiver.serving(
        listener := receiver.listening("127.0.0.1:0"),
        receiver.application(partial(callback.run_addressed, signed_by=secrets or (NEW, OLD)), heard),
    ):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def path(run_id: str = RUN, secret: SecretStr = NEW) -> str:
    return f"/{run_id}/{callback.token(secret, f'callback:{run_id}')}"


def call(url: str, method: str = "POST", body: Any = b"{}", **how: Any) -> int:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, data=body, timeout=10, **how).status_code


def test_a_post_to_a_runs_address_is_handed_over() -> None:
    inbox = Inbox()
    with served(inbox) as url:
        for where in (path(), path() + "/", "/behind/a/proxy" + path(), path(OTHER, OLD)):
            assert call(url + where, body=b'{"status": "x"}') == 200
    assert [run for run, *_ in inbox.came] == [RUN, RUN, RUN, OTHER]
    assert {body for *_, body in inbox.came} == {b'{"status": "x"}'}


def test_other_methods_are_heard_and_told_to_post() -> None:
    inbox = Inbox()
    with served(inbox) as url:
        for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
            assert call(url + path(), method) == 405
    assert [method for _, method, _ in inbox.came] == ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


@pytest.mark.parametrize(
    "where",
    [
        "",
        "/",
        f"/{RUN}",
        f"/{RUN}/",
        path()[:-1],
        path()[:-1] + "g",
        path() + "x",
        path().upper(),
        path().replace(RUN, OTHER),
        path(secret=SecretStr("another-secret-" + "a" * 32)),
        "/" + callback.token(NEW, "callback:"),
        "//" + callback.token(NEW, "callback:"),
        f"/../{callback.token(NEW, 'callback:..')}",
        "/%ff%fe/" + "a" * 5000,
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_every_other_address_is_404_and_handed_to_nobody(where: str, method: str) -> None:
    inbox = Inbox()
    with served(inbox) as url:
        assert call(url + where, method) == 404
    assert inbox.came == []


def test_a_run_id_is_one_whoever_signed_it() -> None:
    """The secret may make other things than callbacks' addresses, and a run id is part of a key."""
    inbox = Inbox()
    with served(inbox) as url:
        for name in ("x", "..", "20261125T120000Z-0A1B2C3D", "a" * 25):
            assert call(f"{url}/{name}/{callback.token(NEW, f'callback:{name}')}") == 404
    assert inbox.came == []


@pytest.mark.parametrize("error", [StageError("the store is down"), StageError("no")])
def test_what_cannot_be_stored_is_asked_for_again(error: Exception) -> None:
    with served(Inbox(error)) as url:
        assert call(url + path()) == 503


def test_a_body_has_a_mebibyte_at_most() -> None:
    inbox = Inbox()
    most = b"x" * receiver.MAX_BODY
    with served(inbox) as url:
        assert call(url + path(), body=most) == 200
        assert call(url + path(), body=most + b"x") == 413
        assert call(url + path(), body=iter([most])) == 200
        assert call(url + path(), body=iter([b"a", b"b"])) == 200
    assert [len(body) for *_, body in inbox.came] == [len(most), len(most), 2]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_hundred_megabytes_are_refused_before_they_are_read(chunked: bool) -> None:
    inbox = Inbox()
    with served(inbox) as url:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        connection.putrequest("POST", path())
        length = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(100 << 20))
        connection.putheader(*length)
        connection.endheaders()
        sent = 0
        try:
            for _ in range(100 if chunked else 0):
                connection.send(b"100000\r\n" + b"x" * (1 << 20) + b"\r\n")
                sent += 1
        except OSError:
            pass
        try:
            assert connection.getresponse().status == 413
        except ConnectionError:  # closed on who goes on sending
            assert sent < 100
        connection.close()
    assert inbox.came == []


@pytest.mark.slow
@pytest.mark.parametrize("at", ["head", "body"])
def test_a_request_at_one_byte_a_second_is_ended_in_time(at: str) -> None:
    inbox = Inbox()
    with served(inbox) as url, socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as slow:
        head = f"POST {path()} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        slow.sendall(head.encode() + (b"\r\n" if at == "body" else b""))
        slow.settimeout(1)
        began = time.monotonic()
        while time.monotonic() - began < 3 * receiver.TOTAL_SECONDS:
            try:
                slow.sendall(b"x")
                if slow.recv(100) == b"":
                    break
            except TimeoutError:
                assert call(url + path()) == 200  # meanwhile others are served
            except OSError:
                break
        assert receiver.TOTAL_SECONDS - 2 < time.monotonic() - began < receiver.TOTAL_SECONDS + 5


@pytest.mark.slow
def test_a_thousand_forged_calls_a_second_reach_nobody() -> None:
    inbox = Inbox()
    forged = f"/{RUN}/{'0' * 64}"
    with served(inbox) as url:

        def many(n: int) -> set[int]:
            with requests.Session() as session:
                session.trust_env = False
                return {session.post(url + forged, data=b"x", timeout=10).status_code for _ in range(n)}

        with ThreadPoolExecutor(4) as pool:
            assert set.union(*pool.map(many, [500] * 4)) == {404}
        assert call(url + path()) == 200
    assert [run for run, *_ in inbox.came] == [RUN]


def test_a_port_that_is_taken_is_told() -> None:
    port = free_port()
    with (
        receiver.listening(f"127.0.0.1:{port}"),
        pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"),
    ):
        receiver.listening(f"127.0.0.1:{port}")


def test_a_port_is_free_again_at_the_end() -> None:
    port = free_port()
    for _ in range(3):
        with receiver.serving(
            receiver.listening(f"127.0.0.1:{port}"), receiver.application(lambda _: None, Inbox())
        ):
            assert call(f"http://127.0.0.1:{port}/") == 404


def test_it_mounts_in_any_wsgi_server() -> None:
    from werkzeug.test import Client

    inbox = Inbox()
    client = Client(receiver.application(partial(callback.run_addressed, signed_by=[NEW]), inbox))
    assert client.post(path(), data=json.dumps({"a": 1})).status_code == 200
    assert client.post(path(), data=b"x" * (receiver.MAX_BODY + 1)).status_code == 413
    assert [body for *_, body in inbox.came] == [b'{"a": 1}']
