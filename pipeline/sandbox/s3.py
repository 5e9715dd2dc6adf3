"""An S3 store on 127.0.0.1: moto behind a gate that checks what moto does not.

    client -> Gate (signature, expiry, checksums, who may read without one) -> moto -> answer

`Store` is the caller's side. The server itself (`serve`) is a small interpreter of its own: moto keeps its
objects process-wide and hooks into every boto3 client of its process, so that only this gives each sandbox
a store of its own, leaves the host process as it was, and frees everything on `close`. The listening socket
is made here and handed over: a client may connect at once and is answered when moto has come up.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import unquote, unquote_to_bytes
from xml.sax.saxutils import escape

from pipeline.sandbox.policy import may_read
from pipeline.sandbox.sigv4 import Keys, Refused, Request, verify

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SERVE = "from pipeline.sandbox.s3 import serve; serve()"
ACCOUNT = "123456789012"
_CHECKSUM = "x-amz-checksum-"
_ALGORITHM = _CHECKSUM + "algorithm"


class Store:
    """A running store, empty but for one bucket; `close` ends it and everything in it is gone."""

    def __init__(self, keys: Keys, bucket: str) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            self.port: int = listener.getsockname()[1]
            self._server = subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-P", "-c", SERVE],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                env=_environment(),
                # Ctrl-C goes to the whole foreground group: the store must outlive it to take the abort.
                start_new_session=True,
            )
            order = [listener.fileno(), self.port, bucket, keys.access_key, keys.secret_key, keys.region]
        self._lifeline = cast("IO[bytes]", self._server.stdin)
        self._lifeline.write(json.dumps(order).encode() + b"\n")
        self._lifeline.flush()

    def close(self) -> None:
        """End the server; a second call does nothing."""
        self._server.kill()
        self._server.wait()
        self._lifeline.close()


def _environment() -> dict[str, str]:
    """The host's environment without what would change moto, and with the way to this package."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("MOTO_", "S3_", "AWS_"))}
    root = str(Path(__file__).parents[2])
    ours["PYTHONPATH"] = os.pathsep.join(filter(None, [root, ours.get("PYTHONPATH", "")]))
    return ours | {"MOTO_ACCOUNT_ID": ACCOUNT}


def serve() -> None:
    """The server process: read the order from standard input, serve until that ends with the parent."""
    from moto.moto_server.werkzeug_app import create_backend_app
    from moto.s3.models import s3_backends
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        disable_nagle_algorithm = True

        def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
            """Request lines hold signatures: none is logged."""

    fd, port, bucket, *credentials = json.loads(sys.stdin.readline())
    keys = Keys(*credentials)
    backend = s3_backends[ACCOUNT]["aws"]
    backend.create_bucket(bucket, keys.region)
    gate = Gate(create_backend_app("s3"), keys, backend.buckets)
    server = make_server("127.0.0.1", port, gate, threaded=True, request_handler=Handler, fd=fd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


class Gate:
    """The WSGI application in front of moto, whose own `buckets` it looks into."""

    def __init__(self, app: WSGIApplication, keys: Keys, buckets: Mapping[str, Any]) -> None:
        self.app, self.keys, self.buckets = app, keys, buckets
        self._conditional = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = _request(environ)
        try:
            bucket, key = _address(request)
            if not verify(request, self.keys, datetime.now(UTC)):
                self._check_public(request, bucket, key, environ["REMOTE_ADDR"])
            _check_digests(request)
            self._check_upload(request, bucket, key)
        except Refused as refused:
            return _answer(refused, start_response)
        environ.setdefault("HTTP_AUTHORIZATION", "admitted")  # moto would ask its own, coarser policy again
        _set_address(environ, request, f"/{bucket}/{key}" if key else f"/{bucket}")
        if (wish := request.headers.get(_ALGORITHM)) and request.query.startswith("uploads"):
            start_response = _agreeing(start_response, wish)
        if "if-none-match" not in request.headers:
            return self.app(environ, start_response)
        with self._conditional:  # moto looks and then writes: of two at once, both would win
            return self.app(environ, start_response)

    def _check_public(self, request: Request, bucket: str, key: str, address: str) -> None:
        plain = request.method in ("GET", "HEAD") and key and not request.query
        policy = self.buckets[bucket].policy if plain and bucket in self.buckets else None
        if policy is None or not may_read(policy, bucket, key, address):
            raise Refused(403, "AccessDenied", "Access Denied")

    def _check_upload(self, request: Request, bucket: str, key: str) -> None:
        """moto breaks on a part, or a Complete, for an upload that is gone; a repeated Complete it knows."""
        upload = dict(request.parameters).get("uploadId")
        if not upload or bucket not in self.buckets:
            return
        if known := self.buckets[bucket].multiparts.get(upload):
            _check_agreed(request, (known.metadata.get(_ALGORITHM) or "").upper())
            return
        made_by = getattr(self.buckets[bucket].keys.get(unquote(key)), "multipart", None)
        if request.method != "POST" or made_by is None or made_by.id != upload:
            raise Refused(404, "NoSuchUpload", "The specified upload does not exist.")


def _address(request: Request) -> tuple[str, str]:
    """Bucket and key, both still encoded, from `127.0.0.1/bucket/key` or `bucket.localhost/key`."""
    host = request.headers.get("host", "").rpartition(":")[0]
    if host.endswith(".localhost"):
        return host.removesuffix(".localhost"), request.path[1:]
    bucket, _, key = request.path[1:].partition("/")
    return bucket, key


def _request(environ: WSGIEnvironment) -> Request:
    """The request as it was on the wire; the body is read whole, and put back for moto."""
    stream = environ["wsgi.input"]
    chunked = environ.get("wsgi.input_terminated", False)
    body = stream.read() if chunked else stream.read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    headers = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    headers |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if name in environ}
    path, _, query = environ["RAW_URI"].partition("?")
    return Request(
        method=environ["REQUEST_METHOD"],
        path=path,
        query=query,
        headers={name.replace("_", "-").lower(): value for name, value in headers.items()},
        body=body,
    )


def _set_address(environ: WSGIEnvironment, request: Request, path: str) -> None:
    """Let moto see one way of addressing only, and none of its own back doors."""
    environ["HTTP_HOST"] = "localhost"
    environ["RAW_URI"] = environ["REQUEST_URI"] = path + (f"?{request.query}" if request.query else "")
    environ["PATH_INFO"] = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
    environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)


def _agreeing(start_response: StartResponse, algorithm: str) -> StartResponse:
    """S3 says to which checksum it will hold an upload; not every moto does."""

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        others = [(name, value) for name, value in headers if name.lower() != _ALGORITHM]
        return start_response(status, [*others, (_ALGORITHM, algorithm)], *more)

    return cast("StartResponse", start)


def _check_agreed(request: Request, agreed: str) -> None:
    """S3 holds an upload to the checksum its Create named: each part has one, and Complete repeats it."""
    if not agreed:
        return
    if request.method == "PUT":
        sent = (*request.headers, request.headers.get("x-amz-trailer"))
        if _CHECKSUM + agreed.lower() not in sent:
            raise Refused(400, "InvalidRequest", "Checksum Type mismatch occurred.")
    if request.method == "POST":
        repeated = request.body.count(f"<Checksum{agreed}>".encode())
        if repeated < request.body.count(b"<Part>"):
            raise Refused(400, "InvalidRequest", "Complete must include the checksum of each part.")


def _check_digests(request: Request) -> None:
    """Computed here and not by what made them: a fault of the sender's must show."""
    if request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
        return  # of a chunked body the headers would describe the decoded bytes, which moto unpacks
    for header, malformed, digest in (
        ("content-md5", "InvalidDigest", _md5),
        (_CHECKSUM + "crc32", "InvalidRequest", _crc32),
    ):
        if (expected := request.headers.get(header)) is None:
            continue
        computed = base64.b64encode(digest(request.body)).decode()
        if len(expected) != len(computed):
            raise Refused(400, malformed, f"The {header} you specified is not valid.")
        if expected != computed:
            raise Refused(400, "BadDigest", f"The {header} you specified did not match what we received.")


def _md5(body: bytes) -> bytes:
    return hashlib.md5(body, usedforsecurity=False).digest()


def _crc32(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4, "big")


def _answer(refused: Refused, start_response: StartResponse) -> list[bytes]:
    parts = {"Code": refused.code, "Message": refused.message, "RequestId": os.urandom(8).hex()}
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in parts.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()
    status = HTTPStatus(refused.status)
    start_response(
        f"{status.value} {status.phrase}",
        [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))],
    )
    return [body]
