"""Where callbacks arrive: a WSGI application for any server, and the server that `run` and `listen` use.

    POST /{run_id}/{HMAC(secret, "callback:" + run_id)}  ->  heard(run_id, method, body)  ->  2xx once stored

Everything else is answered 404, and nothing is asked of the bucket for it. The limits hold for each request:
1 MiB of body, 20 seconds from the first byte to the last.
"""

from __future__ import annotations

import queue
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError, StageError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Who = Callable[[str], str | None]
"""The run that a request's path is the address of, None where it is nobody's."""
Heard = Callable[[str, str, bytes], None]
"""Takes run id, method and body of a request to a run's address, and returns once they are stored."""

MAX_BODY = 1 << 20
TOTAL_SECONDS = 20
CONNECTIONS, THREADS = 500, 8


def application(who: Who, heard: Heard, own: Mapping[str, str] = MappingProxyType({})) -> WSGIApplication:
    """A WSGI application that hands every request to a run's address to `heard`.

    At a path of `own`, which only who has the secret can know, it answers with that text: another run asks so
    whether this is a receiver that records its callbacks too.

    If that raises StageError the answer is 503, for queue.Full 429, so that the platform tries again.
    """

    def answer(environ: WSGIEnvironment) -> HTTPStatus:
        path = environ.get("PATH_INFO", "")
        run_id, method = who(path), environ["REQUEST_METHOD"]
        if run_id is None:
            return HTTPStatus.NOT_FOUND
        body = _body(environ)
        if isinstance(body, HTTPStatus):
            return body
        try:
            heard(run_id, method, body)
        except StageError:
            return HTTPStatus.SERVICE_UNAVAILABLE
        except queue.Full:
            return HTTPStatus.TOO_MANY_REQUESTS
        return HTTPStatus.OK if method == "POST" else HTTPStatus.METHOD_NOT_ALLOWED

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        text = own.get(environ.get("PATH_INFO", ""), "").encode()
        status = HTTPStatus.OK if text else answer(environ)
        allow = [("Allow", "POST")] if status == HTTPStatus.METHOD_NOT_ALLOWED else []
        start_response(f"{status.value} {status.phrase}", [("Content-Length", str(len(text))), *allow])
        return [text]

    return respond


def _body(environ: WSGIEnvironment) -> bytes | HTTPStatus:
    """The request's body, read no further than the limit; else the status to answer with."""
    named = environ.get("CONTENT_LENGTH") or ""
    length = int(named) if re.fullmatch("[0-9]{1,18}", named) else None
    if (length or 0) > MAX_BODY:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if length is None and not environ.get("wsgi.input_terminated"):
        length = 0  # without either nobody can tell where a body ends, so there is none
    body, wanted = b"", MAX_BODY + 1 if length is None else length
    try:
        while len(body) < wanted and (more := environ["wsgi.input"].read(wanted - len(body))):
            body += more
    except OSError:
        return HTTPStatus.BAD_REQUEST
    if len(body) > MAX_BODY:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return HTTPStatus.BAD_REQUEST if length is not None and len(body) < length else body


def listening(address: str) -> socket.socket:
    """A socket that listens on `host:port`. Raises ConfigError where it cannot be had."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", "") or "no such port"
        raise ConfigError(
            f"track.listen: cannot listen on {address}: {why}.", hint="Choose a free port of this machine."
        ) from None


@contextmanager
def serving(listener: socket.socket, app: Any) -> Iterator[None]:
    """Within it, waitress serves the application on that socket, which is closed at the end."""
    from waitress import create_server, wasyncore
    from waitress.channel import HTTPChannel

    class Bounded(HTTPChannel):  # type: ignore[misc]  # waitress has no types
        """Closed when its request takes too long; waitress closes one that is idle for too long."""

        last_activity: float

        def handle_read(self) -> None:
            began = self.last_activity
            super().handle_read()
            if self.request is not None:  # it is not complete yet
                self.last_activity = began

    channels: dict[int, Any] = {}
    server = create_server(
        app,
        map=channels,
        sockets=[listener],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        max_request_body_size=2 * MAX_BODY,  # chunks' framing counts; the application is exact
        channel_timeout=TOTAL_SECONDS,
        cleanup_interval=1,
        asyncore_use_poll=True,
        ident=None,
    )
    server.channel_class = Bounded
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            wasyncore.loop(timeout=0.5, map=channels, count=1, use_poll=True)

    thread = threading.Thread(target=loop, name="pipeline-callback", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        server.pull_trigger()
        thread.join()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(channels)
        listener.close()
