"""The stand-in for the bulk-upload API: asked by real requests, fetching from the real sandbox store."""

from __future__ import annotations

import csv
import io
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import boto3
import pytest
import requests
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sandbox import Sandbox, start
from pipeline.sandbox.api import Received
from pipeline.sandbox.load import LoadFailed, parse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ANSWERED = ("Completed", "Failed")
GOOD = 'EMAIL,FIRST_NAME,CITY\nasha@example.com,Āśā,"Pune, ""MH"""\nbo@example.com,,"two\nlines"\n'


class Receiver:
    """A callback receiver; `refuse` answers that many posts with 503 first."""

    def __init__(self, refuse: int = 0, port: int = 0) -> None:
        self.posts: list[dict[str, Any]] = []
        self.refused = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = 503 if outer.refused < refuse else 200
                outer.refused += status == 503
                if status == 200:
                    outer.posts.append(
                        {"path": self.path, "type": self.headers["Content-Type"], **json.loads(body)}
                    )
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/callback/s3cret"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with start() as running:
        yield running


@pytest.fixture
def sandbox(shared: Sandbox) -> Sandbox:
    shared.api.contacts.clear()
    shared.api.jobs.clear()
    return shared


@pytest.fixture(scope="module")
def s3(shared: Sandbox) -> S3Client:
    made: S3Client = boto3.client(
        "s3",
        endpoint_url=shared.endpoint_url,
        region_name=shared.region,
        aws_access_key_id=shared.access_key,
        aws_secret_access_key=shared.secret_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    return made


def host(s3: S3Client, body: str | bytes, expires: int = 60) -> str:
    data = body if isinstance(body, bytes) else body.encode()
    s3.put_object(Bucket="contacts", Key="hosted/file.csv", Body=data)
    return s3.generate_presigned_url(
        "get_object", Params={"Bucket": "contacts", "Key": "hosted/file.csv"}, ExpiresIn=expires
    )


def post(sandbox: Sandbox, form: dict[str, str], **query: str) -> dict[str, str]:
    params = {"type": "contact", "activity": "bulkupload", "apikey": sandbox.api_key} | query
    answer = requests.post(sandbox.base_url, params=params, data=form)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    told: dict[str, str] = answer.json()
    return told


def until(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def run(sandbox: Sandbox, url: str, **form: str) -> Received:
    """The job for `url` when it is done."""
    answer = post(sandbox, {"path": url, **form})
    assert answer["result"] == "Success"
    job = next(job for job in sandbox.api.jobs if job.requestid == answer["requestid"])
    until(lambda: job.status in ANSWERED)
    return job


@pytest.mark.slow
def test_a_good_file_becomes_contacts_and_a_callback(sandbox: Sandbox, s3: S3Client) -> None:
    with Receiver() as receiver:
        url = host(s3, GOOD)
        form = {"path": url, "listid": "12", "notifyemail": "ops@example.com", "callback": receiver.url}
        answer = post(sandbox, form)
        assert answer["result"] == "Success"
        assert set(answer) == {"result", "requestid"}
        assert len(bytes.fromhex(answer["requestid"])) == 16
        until(lambda: receiver.posts)
        assert receiver.posts == [
            {
                "path": "/callback/s3cret",
                "type": "application/json",
                "requestid": answer["requestid"],
                "status": "Completed",
                "total": 2,
                "success": 2,
                "failed": 0,
                "message": "File processed",
            }
        ]
    assert sandbox.api.contacts == {
        "asha@example.com": {"EMAIL": "asha@example.com", "FIRST_NAME": "Āśā", "CITY": 'Pune, "MH"'},
        "bo@example.com": {"EMAIL": "bo@example.com", "FIRST_NAME": "", "CITY": "two\nlines"},
    }
    [job] = sandbox.api.jobs
    assert dict(job.form) == form
    assert job.body == urlencode(form).encode()
    assert dict(job.query) == {"type": "contact", "activity": "bulkupload", "apikey": sandbox.api_key}
    assert job.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("query", "form", "result"),
    [
        ({"apikey": "wrong"}, {}, "Invalid API key"),
        ({"apikey": ""}, {}, "Invalid API key"),
        ({"type": "list"}, {}, "Invalid type"),
        ({"activity": "add"}, {}, "Invalid activity"),
        ({}, {"path": ""}, "Missing parameter: path"),
        ({"path": "http://127.0.0.1/a.csv"}, {"path": ""}, "Missing parameter: path"),
        ({}, {"path": "file.csv"}, "Invalid path: not the complete URL of a .csv file"),
        ({}, {"path": "http://127.0.0.1/a.txt"}, "Invalid path: not the complete URL of a .csv file"),
        ({}, {"path": "http://[/a.csv"}, "Invalid path: not the complete URL of a .csv file"),
        ({}, {"listid": "twelve"}, "Invalid listid"),
        ({}, {"listid": "-1"}, "Invalid listid"),
        ({}, {"notifyemail": "nobody"}, "Invalid notifyemail"),
        *(
            ({}, {"callback": url}, "Invalid callback: the sandbox calls back to http on loopback only")
            for url in (
                "http://example.com/x",
                "http://10.0.0.1/x",
                "http://127.0.0.1.example.com/x",
                "http://127.0.0.1@example.com/x",
                "https://127.0.0.1/x",
                "http://127.0.0.1:port/x",
                "file:///etc/passwd",
                "",
            )
        ),
    ],
)
def test_mistakes_are_told_in_the_result(
    sandbox: Sandbox, query: dict[str, str], form: dict[str, str], result: str
) -> None:
    path = f"{sandbox.endpoint_url}/contacts/a.csv"
    assert post(sandbox, {"path": path} | form, **query) == {"result": result}
    assert sandbox.api.jobs == []


def test_other_requests_are_refused(sandbox: Sandbox) -> None:
    params = {"type": "contact", "activity": "bulkupload", "apikey": sandbox.api_key}
    url = sandbox.base_url
    assert requests.get(url, params=params).status_code == 405
    assert requests.head(url, params=params).status_code == 405
    assert requests.post(url + "/more", params=params, data={}).status_code == 404
    assert requests.post(url, params=params, json={"path": "x"}).json() == {"result": "Invalid content type"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    broken = requests.post(url, params=params, data=b"path=%ff", headers=form)
    assert broken.json() == {"result": "Invalid request: not UTF-8"}
    assert requests.post(url, params=params, data=iter([b"path=x"]), headers=form).status_code == 411
    assert sandbox.api.jobs == []


def test_a_path_that_was_not_encoded_ends_at_its_first_ampersand(sandbox: Sandbox, s3: S3Client) -> None:
    url = host(s3, GOOD)
    params = {"type": "contact", "activity": "bulkupload", "apikey": sandbox.api_key}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(sandbox.base_url, params=params, data=f"path={url}", headers=form)
    assert answer.json()["result"] == "Success"
    [job] = sandbox.api.jobs
    until(lambda: job.status in ANSWERED)
    assert job.message == "The file could not be fetched: HTTP 400 AuthorizationQueryParametersError"


@pytest.mark.slow
def test_a_broken_or_expired_url_fails_the_job(sandbox: Sandbox, s3: S3Client) -> None:
    with Receiver() as receiver:
        lasting = host(s3, GOOD)
        assert run(sandbox, lasting[:-1], callback=receiver.url).message.endswith(
            "HTTP 403 SignatureDoesNotMatch"
        )
        url = host(s3, GOOD, expires=2)
        assert run(sandbox, url.partition("?")[0]).message.endswith("HTTP 403 AccessDenied")
        time.sleep(2.1)
        assert run(sandbox, url).message.endswith("HTTP 403 AccessDenied")
        for odd in ("/hösted/", "/hosted here/"):
            assert run(sandbox, url.replace("/hosted/", odd)).message.endswith("HTTP 403 AccessDenied")
        until(lambda: receiver.posts)
        assert receiver.posts[0]["status"] == "Failed"
    assert sandbox.api.contacts == {}


def test_only_its_own_store_is_fetched_from(sandbox: Sandbox, s3: S3Client) -> None:
    url = host(s3, GOOD)
    store = urlsplit(url).netloc
    with Receiver() as other:
        foreign = urlsplit(other.url).netloc
        for bad in ("example.com", foreign, f"{store}@{foreign}", f"x@{store}", f"{store}.example.com"):
            job = run(sandbox, url.replace(store, bad))
            assert (job.status, job.message[:45]) == (
                "Failed",
                "The sandbox fetches from its own store only, ",
            )
        assert run(sandbox, url.replace("http:", "https:")).status == "Failed"
    assert run(sandbox, url).status == "Completed"


def test_the_last_row_of_a_key_wins_and_blank_keys_fail(sandbox: Sandbox, s3: S3Client) -> None:
    job = run(sandbox, host(s3, "CITY,EMAIL\nPune,a@x.in\n,\n\nDelhi, \nGoa,a@x.in\n"))
    assert (job.status, job.total, job.success, job.failed) == ("Completed", 4, 2, 2)
    assert sandbox.api.contacts == {"a@x.in": {"CITY": "Goa", "EMAIL": "a@x.in"}}


def test_the_primary_key_may_be_named() -> None:
    file = b"EMAIL,MOBILE,ID\na@x.in,1,7\n,2,\n,,9\n"
    assert list(parse(io.BytesIO(file), ()).contacts) == ["a@x.in"]
    assert list(parse(io.BytesIO(file), ["ID"]).contacts) == ["7", "9"]
    either = parse(io.BytesIO(file), ["EMAIL", "MOBILE"])
    assert (list(either.contacts), either.failed) == (["a@x.in", "2"], 1)
    with start(primary_key=["ID"], api_key="chosen") as other:
        assert other.api_key == "chosen"
        assert post(other, {"path": f"{other.endpoint_url}/contacts/a.csv"})["result"] == "Success"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The file is empty: no header"),
        (b"\xef\xbb\xbfEMAIL\na@x.in\n", "The file begins with a byte order mark"),
        (b"EMAIL,EMAIL\na@x.in,b\n", "The header has a blank name or the same name twice"),
        (b"EMAIL, \na@x.in,b\n", "The header has a blank name or the same name twice"),
        (b"NAME\nAsha\n", "The header has none of EMAIL, MOBILE, CUSTOMER_ID"),
        (b"EMAIL,CITY\na@x.in,Pune\nb@x.in\n", "Line 3: 1 fields where the header has 2"),
        (b"EMAIL\na@x.in,Pune\n", "Line 2: 2 fields where the header has 1"),
        (b'EMAIL\n"a@x.in"x\n', "Line 2: not valid CSV: ',' expected after '\"'"),
        (b'EMAIL\na@x.in\n"b@x.in\n', "Line 3: not valid CSV: unexpected end of data"),
        (b"EMAIL\na\0@x.in\n", "Line 2: a NUL character"),
        (b"EMAIL\na@x.in\n\xff\n", "After line 0: not valid UTF-8"),
    ],
)
def test_a_malformed_file_fails_the_job(sandbox: Sandbox, s3: S3Client, body: bytes, message: str) -> None:
    job = run(sandbox, host(s3, body))
    assert (job.status, job.message) == ("Failed", message)
    assert sandbox.api.contacts == {}


def test_a_file_cut_short_fails_the_job() -> None:
    from http.client import HTTPResponse

    from pipeline.sandbox.load import load

    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nEMAIL\na@x.in\n")
        theirs.shutdown(socket.SHUT_WR)
        response = HTTPResponse(ours)
        response.begin()
        with pytest.raises(LoadFailed, match="cut short: 13 of 100 bytes"):
            load(response, ())
        response.close()


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(CELL.filter(str.strip), CELL), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_wrote_is_kept_as_it_was(rows: list[tuple[str, str]], line_end: str) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows([("MOBILE", "CITY"), *rows])
    loaded = parse(io.BytesIO(text.getvalue().encode()), ())
    assert loaded.contacts == {key: {"MOBILE": key, "CITY": city} for key, city in rows}
    assert (loaded.success, loaded.failed) == (len(rows), 0)


def test_large_cells_are_taken(sandbox: Sandbox, s3: S3Client) -> None:
    assert run(sandbox, host(s3, f"EMAIL,NOTE\na@x.in,{'x' * 900_000}\n")).success == 1


def test_a_callback_is_tried_again(sandbox: Sandbox, s3: S3Client) -> None:
    with Receiver(refuse=2) as receiver:
        job = run(sandbox, host(s3, GOOD), callback=receiver.url)
        until(lambda: job.called_back)
        assert (receiver.refused, len(receiver.posts)) == (2, 1)


def test_a_receiver_that_comes_late_is_called_back(sandbox: Sandbox, s3: S3Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    job = run(sandbox, host(s3, GOOD), callback=f"http://localhost:{port}/late?a=b")
    assert job.status == "Completed"
    with Receiver(port=port) as receiver:
        until(lambda: receiver.posts)
        assert receiver.posts[0]["path"] == "/late?a=b"


@pytest.mark.slow
def test_close_waits_for_nobody_and_is_final() -> None:
    with start() as closing:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            nobody = probe.getsockname()[1]
        form = {"path": f"{closing.endpoint_url}/contacts/a.csv", "callback": f"http://127.0.0.1:{nobody}/"}
        post(closing, form)
        until(lambda: closing.api.jobs[0].status == "Failed")
        began = time.monotonic()
        closing.close()
        assert time.monotonic() - began < 3.5
    for url in (closing.base_url, closing.endpoint_url):
        with pytest.raises(requests.ConnectionError):
            requests.post(url, timeout=5)


def test_no_secret_reaches_a_log_or_a_repr(
    sandbox: Sandbox, s3: S3Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    url = host(s3, "EMAIL\nplanted@x.in\n")
    query = urlencode({"type": "contact", "activity": "bulkupload", "apikey": sandbox.api_key})
    caplog.clear()
    with caplog.at_level(logging.DEBUG), Receiver() as receiver:
        api = urlsplit(sandbox.base_url)
        connection = HTTPConnection(api.netloc)  # the test's own client must not log either
        form = urlencode({"path": url, "callback": receiver.url})
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", f"{api.path}?{query}", form, kind)
        assert json.load(connection.getresponse())["result"] == "Success"
        connection.close()
        until(lambda: receiver.posts)
        logging.getLogger().debug("the log was listening")
    printed = "".join(capfd.readouterr()) + caplog.text + repr(sandbox.api.jobs) + repr(sandbox.api)
    assert "the log was listening" in printed
    assert sandbox.api.jobs[0].requestid in printed
    for secret in (sandbox.api_key, "X-Amz-Signature", "s3cret", "planted", sandbox.secret_key):
        assert secret not in printed
