"""What moto, in any version, does not do as S3 does: a WSGI application in front of it.

It checks signatures, expiry, digests, and who may read without a signature; it keeps the condition of a
conditional write, and answers a Complete that is said again.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_to_bytes
from xml.sax.saxutils import escape

from pipeline.sandbox.checksums import Checksums
from pipeline.sandbox.policy import may_read
from pipeline.sandbox.sigv4 import Keys, Refused, Request, verify

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Gate:
    """The WSGI application in front of moto, whose own `buckets` it looks into."""

    def __init__(self, app: WSGIApplication, keys: Keys, buckets: Mapping[str, Any]) -> None:
        self.app, self.keys, self.buckets = app, keys, buckets
        self._checksums = Checksums()
        self._conditional = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = _request(environ)
        try:
            bucket, key = place = _address(request)
            if not verify(request, self.keys, datetime.now(UTC)):
                self._check_public(request, bucket, key, environ["REMOTE_ADDR"])
            done = self._check_upload(request, bucket, key)
        except Refused as refused:
            return _refuse(refused, start_response)
        if done is not None:
            elements = {"ETag": done.etag, **self._checksums.of_object(place)}
            return _answer(200, "CompleteMultipartUploadResult", elements, start_response)
        environ.setdefault("HTTP_AUTHORIZATION", "admitted")  # moto would ask its own, coarser policy again
        _set_address(environ, request, f"/{bucket}/{key}" if key else f"/{bucket}")
        if request.method in ("GET", "HEAD") or "if-none-match" not in request.headers:
            return self._ask_moto(environ, start_response, request, place)
        with self._conditional:  # to look and then to write: of two at once, both would win
            if self._object(bucket, key) is None:
                return self._ask_moto(environ, start_response, request, place)
            taken = Refused(412, "PreconditionFailed", "At least one of the pre-conditions did not hold")
            return _refuse(taken, start_response)

    def _ask_moto(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        request: Request,
        place: tuple[str, str],
    ) -> Iterable[bytes]:
        """moto's answer, with what S3 says of checksums in it."""
        from werkzeug.test import run_wsgi_app

        if request.method not in ("POST", "HEAD"):
            return self.app(environ, start_response)
        answer, status, headers = run_wsgi_app(self.app, environ)
        all_headers, body = self._checksums.note(request, place, list(headers), b"".join(answer))
        start_response(status, all_headers)
        return [body]

    def _object(self, bucket: str, key: str) -> Any:
        """The object of that key as moto holds it, None where there is none."""
        found = self.buckets[bucket].keys.get(unquote(key)) if bucket in self.buckets else None
        return found if hasattr(found, "etag") else None  # and no delete marker

    def _check_public(self, request: Request, bucket: str, key: str, address: str) -> None:
        plain = request.method in ("GET", "HEAD") and key and not request.query
        policy = self.buckets[bucket].policy if plain and bucket in self.buckets else None
        if policy is None or not may_read(policy, bucket, key, address):
            raise Refused(403, "AccessDenied", "Access Denied")

    def _check_upload(self, request: Request, bucket: str, key: str) -> Any:
        """What an upload has become where a Complete is said again; moto breaks on one that is gone.

        Raises Refused unless what is asked of the upload can be done, and the checksums are right.
        """
        upload = dict(request.parameters).get("uploadId")
        known = self.buckets[bucket].multiparts.get(upload) if bucket in self.buckets and upload else None
        self._checksums.check(request, (bucket, key), known.parts if known else {})
        if known or not upload or bucket not in self.buckets:
            return None
        done = self._object(bucket, key)
        if request.method != "POST" or done is None or done.multipart is None or done.multipart.id != upload:
            raise Refused(404, "NoSuchUpload", "The specified upload does not exist.")
        return done


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


def _refuse(refused: Refused, start_response: StartResponse) -> list[bytes]:
    parts = {"Code": refused.code, "Message": refused.message, "RequestId": os.urandom(8).hex()}
    return _answer(refused.status, "Error", parts, start_response)


def _answer(code: int, element: str, parts: Mapping[str, str], start_response: StartResponse) -> list[bytes]:
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in parts.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{element}>{inner}</{element}>'.encode()
    status = HTTPStatus(code)
    start_response(
        f"{status.value} {status.phrase}",
        [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))],
    )
    return [body]
