"""An S3 store that throws the bytes away: real HTTP on loopback, in a process of its own, hardly any CPU.

    with sink() as address: ...
    with sink(gbits=1) as address: ...     # behind a line of so many Gbit/s, which all connections share

It answers what an upload needs: Create, UploadPart, Complete, Abort, ListParts, PutObject (`If-None-Match` is
kept), HEAD, DELETE, a list of the objects and a ranged GET of an object's first bytes. Signatures are not
looked at. On Linux the kernel drops the bodies (MSG_TRUNC), so that nothing is copied here. In the bucket
KEPT the bytes are kept until the object is whole; `GET /` lists every object, those with the SHA-256 of their
rows, however these were quoted.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import IO
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

KEPT, DISCARDED = "kept", "discarded"
DROP = getattr(socket, "MSG_TRUNC", 0) if sys.platform == "linux" else 0
CHUNK = 1 << 20
HEAD = 4096


@contextmanager
def sink(gbits: float = 0) -> Iterator[str]:
    """Its address, `http://127.0.0.1:port`, as long as it runs; 0: as fast as loopback is."""
    command = [sys.executable, "-m", "benchmarks.sink", str(gbits)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.terminate()


@dataclass
class Part:
    """What is left of a part: its length, its first bytes, in the bucket KEPT all of them."""

    size: int
    head: bytes
    etag: str
    content: IO[bytes] | None


class Line:
    """What the bytes of all bodies come through, one after the other."""

    def __init__(self, gbits: float) -> None:
        self._seconds = 8 / (gbits * 1e9) if gbits else 0.0  # of a byte
        self._lock, self._free = threading.Lock(), 0.0

    def passed(self, count: int) -> None:
        """Return when so many bytes more have had the time to come through."""
        if self._seconds:
            with self._lock:
                self._free = max(self._free, time.monotonic()) + count * self._seconds
                wait = self._free - time.monotonic()
            time.sleep(max(0.0, wait))


@dataclass
class Store:
    """What is known of uploads that are under way and of objects."""

    line: Line
    uploads: dict[str, dict[int, Part]] = field(default_factory=dict)
    objects: dict[str, tuple[int, bytes, str]] = field(default_factory=dict)  # size, head, SHA-256 if kept

    def complete(self, path: str, parts: list[Part]) -> None:
        size = sum(part.size for part in parts)
        self.objects[path] = (size, parts[0].head, digest([part.content for part in parts if part.content]))


def digest(parts: list[IO[bytes]]) -> str:
    """The SHA-256 of the rows in these pieces of a CSV, however they are quoted.

    "" for no pieces, and for what is no table: the plain upload's may be a file with malformed records.
    """
    if not parts:
        return ""
    import polars as pl

    with tempfile.NamedTemporaryFile() as whole:
        for part in parts:
            part.seek(0)
            shutil.copyfileobj(part, whole, CHUNK)
            part.close()
        whole.flush()
        try:
            rows = pl.read_csv(whole.name, infer_schema=False).fill_null("")
        except pl.exceptions.ComputeError:
            return ""
    return hashlib.sha256(rows.write_csv().encode()).hexdigest()


class Connection(threading.Thread):
    """One client's connection: request after request until it closes."""

    def __init__(self, wire: socket.socket, store: Store) -> None:
        super().__init__(daemon=True)
        self.wire, self.store, self.read = wire, store, b""
        self.buffer = memoryview(bytearray(CHUNK))

    def run(self) -> None:
        with self.wire, suppress(ConnectionError):
            self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._request():
                pass

    def _request(self) -> bool:
        while b"\r\n\r\n" not in self.read:
            more = self.wire.recv(65536)
            if not more:
                return False
            self.read += more
        head, _, self.read = self.read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
        if headers.get("expect") == "100-continue":
            self.wire.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        url = urlsplit(target)
        query = parse_qs(url.query, keep_blank_values=True)
        path, length = unquote(url.path), int(headers.get("content-length", 0))
        if method == "PUT":
            etag = md5_hex(headers.get("content-md5", "")) or f"{length:032x}-0"
            body = self._received(length, f'"{etag}"', keep=path.startswith(f"/{KEPT}/"))
        else:
            body = Part(length, self._taken(length), "", None)
        self._answer(method, path, query, headers, body)
        return True

    def _taken(self, length: int) -> bytes:
        """The next bytes of the request, as many as that."""
        while len(self.read) < length:
            more = self.wire.recv(65536)
            if not more:
                raise ConnectionError
            self.read += more
        taken, self.read = self.read[:length], self.read[length:]
        return taken

    def _received(self, length: int, etag: str, *, keep: bool) -> Part:
        """The body of a PUT, thrown away but for its first bytes unless it is to be kept."""
        head = self._taken(min(length, HEAD))
        early = self._taken(min(length - len(head), len(self.read)))
        content = tempfile.TemporaryFile() if keep else None  # noqa: SIM115
        if content:
            content.write(head + early)
        left = length - len(head) - len(early)
        while left:
            count = self.wire.recv_into(self.buffer, min(left, CHUNK), 0 if content else DROP)
            if not count:
                raise ConnectionError
            if content:
                content.write(self.buffer[:count])
            self.store.line.passed(count)
            left -= count
        return Part(length, head, etag, content)

    def _answer(
        self, method: str, path: str, query: dict[str, list[str]], headers: dict[str, str], body: Part
    ) -> None:
        store, upload = self.store, query.get("uploadId", [""])[0]
        found = store.objects.get(path)
        if path == "/":
            objects = [{"path": p, "size": s, "sha256": h} for p, (s, _, h) in store.objects.items()]
            self._send(200, json.dumps(objects).encode())
        elif method == "POST" and "uploads" in query:
            upload = f"upload{len(store.uploads)}"
            store.uploads[upload] = {}
            kept = headers.get("x-amz-checksum-algorithm", "")  # said again, as by AWS
            kind = headers.get("x-amz-checksum-type", "")
            answer = f"<R><UploadId>{upload}</UploadId></R>".encode()
            self._send(200, answer, x_amz_checksum_algorithm=kept, x_amz_checksum_type=kind)
        elif upload and upload not in store.uploads:
            self._send(404, b"<Error><Code>NoSuchUpload</Code></Error>")
        elif method == "PUT" and upload:
            store.uploads[upload][int(query["partNumber"][0])] = body
            self._send(200, ETag=body.etag)
        elif method == "POST" and upload:
            parts = store.uploads.pop(upload)
            numbers = re.findall(rb"<PartNumber>(\d+)", body.head)
            store.complete(path, [parts[int(number)] for number in numbers])
            crc32 = headers.get("x-amz-checksum-crc32", "")  # a sink computes nothing
            self._send(200, f'<R><ETag>"whole-1"</ETag><ChecksumCRC32>{crc32}</ChecksumCRC32></R>'.encode())
        elif method == "DELETE":
            (store.uploads if upload else store.objects).pop(upload or path, None)
            self._send(204)
        elif method == "PUT" and found and headers.get("if-none-match"):
            self._send(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        elif method == "PUT":
            store.complete(path, [body])
            self._send(200, ETag=body.etag)
        elif method == "HEAD":
            self._send(200 if found or path.count("/") == 1 else 404, length=found[0] if found else 0)
        elif "list-type" in query:
            self._send(200, listed(store, path.strip("/"), query.get("prefix", [""])[0]))
        elif found:
            size, head, _ = found
            asked = re.fullmatch(r"bytes=0-(\d+)", headers.get("range", ""))
            part = head[: int(asked[1]) + 1] if asked else head
            self._send(206, part, Content_Range=f"bytes 0-{len(part) - 1}/{size}")
        else:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def _send(self, status: int, body: bytes = b"", length: int | None = None, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body) if length is None else length}"]
        lines.append(f"Date: {formatdate(usegmt=True)}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value]
        self.wire.sendall("\r\n".join([*lines, "", ""]).encode() + body)


def listed(store: Store, bucket: str, prefix: str) -> bytes:
    """S3's list of the objects below that prefix, all of them as new as can be."""
    top = f"/{bucket}/"
    keys = sorted(path.removeprefix(top) for path in store.objects if path.startswith(top))
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>{now}</LastModified></Contents>"
        for key in keys
        if key.startswith(prefix)
    )
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode()


def md5_hex(header: str) -> str:
    """A Content-MD5 header as the ETag that S3 makes of that part."""
    return base64.b64decode(header).hex()


def serve(gbits: float) -> None:
    """Print the address, then answer until killed."""
    store = Store(Line(gbits))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        while True:
            wire, _ = listening.accept()
            Connection(wire, store).start()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        serve(float(sys.argv[1]))
