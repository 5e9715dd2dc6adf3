"""Servers that misbehave, on loopback: what a wire does on a bad day.

`Wire` hands each connection to a function of yours; `answering` reads the request first and sends back the
bytes it is given. Both note what arrived, end their connections on `close`, and keep no thread alive.
"""

from __future__ import annotations

import contextlib
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
def wire(behave: Callable[[Wire, socket.socket], None]) -> Iterator[Wire]:
    """A server that lets `behave` do what it likes with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Wire(listening.getsockname()[1])
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                behave(server, connection)

        def accept() -> None:
            while not server.closing.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                connection.settimeout(5)
                server.connections += 1
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

        listening.settimeout(0.05)
        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            server.closing.set()
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
def answering(reply: bytes, then: Callable[[Wire, socket.socket], None] | None = None) -> Iterator[Wire]:
    """A server that reads each request, notes it, sends those bytes, does `then`, and hangs up."""

    def behave(server: Wire, connection: socket.socket) -> None:
        request = read_request(connection)
        if request is None:
            return
        server.arrived.append(request)
        connection.sendall(reply)
        if then:
            then(server, connection)

    with wire(behave) as server:
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
