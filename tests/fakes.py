"""Servers that misbehave, on loopback: what a wire does on a bad day.

`Wire` hands each connection to a function of yours; `answering` reads the request first and sends back the
bytes it is given. Both note what arrived, end their connections on `close`, and keep no thread alive.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser


@dataclass
class Arrived:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Wire:
    """A listening server on loopback; `arrived` are the requests that came in whole."""

    port: int
    arrived: list[Arrived] = field(default_factory=list)
    connections: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def wire(behave: Callable[[Wire, socket.socket], None], port: int = 0) -> Iterator[Wire]:
    """A server that lets `behave` do what it likes with each connection."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        server = Wire(listening.getsockname()[1])
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                behave(server, connection)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # shut down below
                    return
                connection.settimeout(5)
                server.connections += 1
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            server.closing.set()
            listening.shutdown(socket.SHUT_RDWR)
            for thread in (acceptor, *threads):
                thread.join(6)


def read_request(connection: socket.socket) -> Arrived | None:
    """The request, whole; None where the client sent none."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    headers = {k.lower(): v for k, v in BytesHeaderParser().parsebytes(rest).items()}
    length = int(headers.get("content-length", 0))
    if headers.get("expect") == "100-continue" and len(body) < length:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(body) < length:
        more = connection.recv(1 << 20)
        if not more:
            return None
        body += more
    method, target, _ = line.decode("latin-1").split(" ")
    return Arrived(method, target, headers, body)


def answer(status: int, body: bytes = b"", headers: str = "") -> bytes:
    """An answer's bytes; `headers` are more lines, each ended by CRLF."""
    return (
        f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n".encode()
        + body
    )


@contextmanager
def answering(
    reply: bytes, then: Callable[[Wire, socket.socket], None] | None = None, port: int = 0
) -> Iterator[Wire]:
    """A server that reads each request, notes it, sends those bytes, does `then`, and hangs up."""

    def behave(server: Wire, connection: socket.socket) -> None:
        request = read_request(connection)
        if request is None:
            return
        server.arrived.append(request)
        connection.sendall(reply)
        if then:
            then(server, connection)

    with wire(behave, port) as server:
        yield server


def reset(_server: Wire, connection: socket.socket) -> None:
    """Break the connection off by RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hold(server: Wire, _connection: socket.socket) -> None:
    """Say nothing more, until the server is closed."""
    server.closing.wait(10)


def drip(server: Wire, connection: socket.socket) -> None:
    """Send a blank every few milliseconds for ever."""
    while not server.closing.wait(0.02):
        connection.sendall(b" ")


def free_port() -> int:
    """A port where nobody listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


@dataclass
class Faults:
    """A proxy in front of an S3 store: `fault` may answer a request itself, spoil it, or let it pass.

    It gets the request and how often such a one (method and kind) came before, and returns None (pass), an
    answer's bytes, or one of the words: "reset" (hang up unread), "cut" (pass half of the body on and hang
    up), "spoil" (pass it on with one byte changed), "lose" (pass it on, hang up instead of answering),
    "hide" (pass it on, answer 500 instead), "hush" (pass it on, leave checksums out of the answer's head),
    "hush type" (leave out only what they are of).
    """

    store_port: int
    fault: Callable[[Arrived, str, int], bytes | str | None]
    seen: list[str] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)

    def __call__(self, _server: Wire, connection: socket.socket) -> None:
        """One connection: requests one after the other until the client hangs up."""
        while request := read_request(connection):
            kind = kind_of(request)
            before = self.seen.count(kind)
            self.seen.append(kind)
            self.arrived.append(request)
            reply = self.fault(request, kind, before)
            if reply == "reset":
                reset(_server, connection)
                return
            if reply == "spoil":
                request.body = request.body[:-1] + bytes([request.body[-1] ^ 1])
            if isinstance(reply, bytes):
                connection.sendall(reply)
                return
            got = self.forward(request, cut=reply == "cut")
            if reply in ("cut", "lose"):
                return
            if reply == "hush type":
                got = re.sub(rb"(?i)x-amz-checksum-type[^\r]*\r\n", b"", got)
            if reply == "hush":
                got = re.sub(rb"(?i)x-amz-checksum[^\r]*\r\n", b"", got)
            connection.sendall(answer(500) if reply == "hide" else got)
            return

    def forward(self, request: Arrived, *, cut: bool = False) -> bytes:
        """The store's own answer; the headers go through as they came, for they are signed."""
        with socket.create_connection(("127.0.0.1", self.store_port), timeout=10) as store:
            headers = "".join(
                f"{k}: {v}\r\n" for k, v in request.headers.items() if k not in ("connection", "expect")
            )
            head = f"{request.method} {request.target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"
            store.sendall(head.encode() + (request.body[: len(request.body) // 2] if cut else request.body))
            if cut:
                return b""
            with store.makefile("rb") as reader:
                return reader.read()


def kind_of(request: Arrived) -> str:
    """What a request asks of S3."""
    path, _, query = request.target.partition("?")
    upload, uploads = "uploadId=" in query, query.startswith("uploads")
    names = {
        "POST": "complete" if upload else "create",
        "PUT": "part" if upload else "put",
        "DELETE": "abort" if upload else "delete",
        "GET": "parts" if upload else "uploads" if uploads else "get",
    }
    return names.get(request.method, request.method.lower()) + ("" if path.count("/") > 1 else " bucket")
