"""A stand-in for the bulk-upload API: takes a job as the real one does, does it later, calls back.

    POST /apiv2  ->  check the form  ->  {"requestid", "result": "Success"}
                         one worker: fetch `path` without credentials -> parse -> keep -> POST `callback`

Python's own HTTP client on purpose: it sends what it is given, with no credentials, proxies or redirects of
its own, and logs no URL. It fetches from its own store and calls back to loopback only.
What the real platform does inside is not documented; the callback's body is this stand-in's own.
"""

from __future__ import annotations

import hmac
import json
import queue
import re
import secrets
import string
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from pipeline.sandbox.load import Loaded, LoadFailed, load

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

PATH = "/apiv2"
MAX_FORM = 1 << 20
FETCH_TIMEOUT = 30.0
CALLBACK_TIMEOUT = 5.0
CALLBACK_PAUSES = (0.1, 0.3, 1.0, 3.0)


@dataclass
class Received:
    """A job as it arrived, verbatim, and how it went. `status` is Queued until the worker is done with it."""

    requestid: str
    query: list[tuple[str, str]] = field(repr=False)
    form: list[tuple[str, str]] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: Literal["Queued", "Completed", "Failed"] = "Queued"
    total: int = 0
    success: int = 0
    failed: int = 0
    message: str = ""
    called_back: bool = False


class BulkUploadApi:
    """The running stand-in: `base_url` to POST to, `contacts` by primary key, `jobs` as they arrived."""

    def __init__(self, api_key: str, primary_key: Sequence[str], *, store_port: int) -> None:
        self.contacts: dict[str, dict[str, str]] = {}
        self.jobs: list[Received] = []
        self._api_key, self._primary_key = api_key, tuple(primary_key)
        self._hosts = {f"127.0.0.1:{store_port}", f"localhost:{store_port}"}
        self._queue: queue.SimpleQueue[Received | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._server = _server(self)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}{PATH}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Stop; the job in hand is finished, its callback is not tried again. A second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._queue.put(None)
        self._worker.join()

    def take(self, query: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """The answer to a POST: a request id where the job is accepted, else only an error as its result."""
        try:
            asked = parse_qsl(query, keep_blank_values=True, errors="strict")
            form = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict")
        except ValueError:
            return {"result": "Invalid request: not UTF-8"}
        if error := self._error(dict(asked), dict(form), headers.get("content-type", "")):
            return {"result": error}
        job = Received(secrets.token_hex(16), asked, form, headers, body)
        self.jobs.append(job)
        self._queue.put(job)
        return {"requestid": job.requestid, "result": "Success"}

    def _error(self, query: dict[str, str], form: dict[str, str], content_type: str) -> str:
        if not hmac.compare_digest(query.get("apikey", "").encode(), self._api_key.encode()):
            return "Invalid API key"
        if query.get("type") != "contact":
            return "Invalid type"
        if query.get("activity") != "bulkupload":
            return "Invalid activity"
        if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
            return "Invalid content type"
        if not form.get("path"):
            return "Missing parameter: path"
        if not _is_csv_url(form["path"]):
            return "Invalid path: not the complete URL of a .csv file"
        if not re.fullmatch(r"[0-9]+", form.get("listid", "0")):
            return "Invalid listid"
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", form.get("notifyemail", "a@b")):
            return "Invalid notifyemail"
        if "callback" in form and not _is_loopback_url(form["callback"]):
            return "Invalid callback: the sandbox calls back to http on loopback only"
        return ""

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            if self._closing.is_set():
                continue
            try:
                loaded = self._fetch(dict(job.form)["path"])
            except LoadFailed as error:
                job.message, job.status = str(error), "Failed"
            except (OSError, HTTPException) as error:
                job.message, job.status = f"The file could not be fetched: {type(error).__name__}", "Failed"
            else:
                self.contacts.update(loaded.contacts)
                job.total, job.success, job.failed = loaded.total, loaded.success, loaded.failed
                job.message, job.status = "File processed", "Completed"
            self._call_back(job)

    def _fetch(self, url: str) -> Loaded:
        """What is in the file at `url`. Raises LoadFailed, OSError or HTTPException."""
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.netloc not in self._hosts:
            raise LoadFailed("The sandbox fetches from its own store only, and path names another host")
        connection = HTTPConnection(parts.netloc, timeout=FETCH_TIMEOUT)
        try:
            connection.request("GET", _target(parts))
            response = connection.getresponse()
            if response.status != 200:
                raise LoadFailed(
                    f"The file could not be fetched: HTTP {response.status} {_s3_code(response.read())}"
                )
            return load(response, self._primary_key)
        finally:
            connection.close()

    def _call_back(self, job: Received) -> None:
        url = dict(job.form).get("callback")
        if not url:
            return
        names = ("requestid", "status", "total", "success", "failed", "message")
        body = json.dumps({name: getattr(job, name) for name in names}).encode()
        for pause in (*CALLBACK_PAUSES, None):
            try:
                job.called_back = _post(url, body)
            except (OSError, HTTPException):
                job.called_back = False
            if job.called_back or pause is None or self._closing.wait(pause):
                return


def _application(api: BulkUploadApi) -> Any:
    from werkzeug.wrappers import Request, Response

    @Request.application
    def application(request: Request) -> Response:
        if request.method != "POST":
            return _answer(405, {"result": "Method not allowed"})
        if request.content_length is None or request.content_length > MAX_FORM:
            return _answer(413 if request.content_length else 411, {"result": "Invalid request"})
        body = request.get_data()
        if request.path != PATH:
            return _answer(404, {"result": "Not found"})
        headers = {name.lower(): value for name, value in request.headers.items()}
        return _answer(200, api.take(request.query_string.decode("latin-1"), headers, body))

    def _answer(status: int, answer: dict[str, str]) -> Response:
        return Response(json.dumps(answer), status, content_type="application/json")

    return application


def _server(api: BulkUploadApi) -> BaseWSGIServer:
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Request lines hold the API key: none is logged."""

    return make_server("127.0.0.1", 0, _application(api), threaded=True, request_handler=Quiet)


def _post(url: str, body: bytes) -> bool:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=CALLBACK_TIMEOUT)
    try:
        connection.request("POST", _target(parts), body, {"Content-Type": "application/json"})
        return 200 <= connection.getresponse().status < 300
    finally:
        connection.close()


def _target(parts: SplitResult) -> str:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return quote(target, safe=string.punctuation)


def _s3_code(body: bytes) -> str:
    """The error code of an S3 answer, such as AccessDenied: never more of it, the rest may hold the key."""
    found = re.search(rb"<Code>(\w{1,60})</Code>", body)
    return found[1].decode() if found else ""


def _is_csv_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path.endswith(".csv")


def _is_loopback_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False
