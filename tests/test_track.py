"""Tracking: the receiver over real HTTP, and what is read from a callback whose form nobody documents."""

from __future__ import annotations

import http.client
import json
import logging
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from fakes import free_port
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipeline import ConfigError, JobFailed, JobTimeout
from pipeline.callback import address, understood
from pipeline.config import TrackConfig
from pipeline.handoffs import Job
from pipeline.receiver import MAX_BODY
from pipeline.track import Inbox, wait
from pipeline.track import receiving as receiving_into

JOB = Job("abc123")
DONE = {"requestid": "abc123", "status": "Completed", "total": 3, "success": 2, "failed": 1}


@dataclass
class Receiver:
    """An address that is listened at, and what came to it."""

    url: str = field(repr=False)
    inbox: Inbox

    @property
    def bodies(self) -> queue.Queue[bytes]:
        return self.inbox.bodies


@contextmanager
def receiving(config: TrackConfig, run_id: str) -> Iterator[Receiver]:
    inbox = Inbox(run_id)
    with receiving_into(config, run_id, inbox.put) as url:
        yield Receiver(url, inbox)


def config(**keys: Any) -> TrackConfig:
    return TrackConfig.model_validate({"listen": "127.0.0.1:0", **keys})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(config(), "run-1") as listening:
        yield listening


def post(receiver: Receiver, body: bytes | str = b"", path: str = "", **headers: str) -> int:
    session = requests.Session()
    session.trust_env = False
    with session:
        return session.post(receiver.url + path, data=body, headers=headers, timeout=5).status_code


def waiting(receiver: Receiver, seconds: float = 5) -> Any:
    return wait(JOB, receiver.inbox, seconds)


def test_a_callback_in_json_or_as_a_form_ends_the_wait(receiver: Receiver) -> None:
    assert post(receiver, json.dumps(DONE)) == 200
    outcome = waiting(receiver)
    assert (outcome.status, outcome.said) == ("completed", "Completed")
    assert outcome.counts == {"total": 3, "success": 2, "failed": 1}
    assert json.loads(outcome.raw) == DONE
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert post(receiver, "upload_status=Success&Total+Records=7&x=", **form) == 200
    assert waiting(receiver).counts == {"Total Records": 7}


def test_a_failed_job(receiver: Receiver) -> None:
    post(receiver, json.dumps({"status": "Failed: file not found", "total": 0}))
    with pytest.raises(JobFailed, match=r"abc123 failed \(total 0\)") as raised:
        waiting(receiver)
    assert raised.value.outcome is not None
    assert raised.value.outcome.status == "failed"
    assert raised.value.outcome.said == "Failed"
    assert not raised.value.retryable


def test_an_intermediate_callback_is_waited_past(receiver: Receiver) -> None:
    for body in (
        '{"status": "Processing", "result": "Success"}',
        '{"status": "Queued"}',
        "",
        "garbage",
        "[1]",
    ):
        assert post(receiver, body) == 200
    with pytest.raises(JobTimeout, match="called back 5 times without saying that it has ended"):
        waiting(receiver, 0.05)
    threading.Timer(0.1, post, (receiver, json.dumps(DONE))).start()
    assert waiting(receiver).status == "completed"


def test_no_callback_in_time(receiver: Receiver) -> None:
    started = time.monotonic()
    with pytest.raises(JobTimeout, match="abc123 goes on there") as raised:
        waiting(receiver, 0.2)
    assert 0.2 <= time.monotonic() - started < 20
    assert raised.value.retryable


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_post_counts(receiver: Receiver, method: str) -> None:
    answer = requests.request(method, receiver.url, data=json.dumps(DONE), timeout=5)
    assert answer.status_code == 405
    assert receiver.bodies.empty()
    with pytest.raises(JobTimeout, match=f"called the address by {method}") as raised:
        waiting(receiver, 0.01)
    assert "POST" in raised.value.hint


def test_a_slash_at_the_end_of_the_address_is_no_other_address(receiver: Receiver) -> None:
    assert post(receiver, json.dumps(DONE), "/") == 200
    assert waiting(receiver).status == "completed"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
)
@pytest.mark.parametrize("text", [json.dumps(DONE), "status=Completed&total=3&success=2&failed=1"])
def test_a_callback_is_understood_in_every_unicode_encoding(encoding: str, text: str) -> None:
    outcome = understood(text.encode(encoding))
    assert outcome is not None
    assert (outcome.status, dict(outcome.counts)) == ("completed", {"total": 3, "success": 2, "failed": 1})


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        ({"status": "Completed", "total": 2, "success": 0, "failed": 2}, None),
        ({"status": "Completed", "total": "2", "success": "0", "failed": "2"}, 2),
        ({"status": "Completed", "successCount": 0, "failureCount": 5}, None),
        ({"status": "SUCCESS", "total": 4, "failed": 4}, None),
        ({"status": "Done", "rejected": 7}, 7),
        ({"status": "Completed", "success": 0}, 3),
        ({"status": "Completed", "total": 0}, 3),
        ({"status": "Completed", "inserted": 0, "updated": 0}, 3),
        ({"status": "Completed", "data": {"success": 0, "failed": 2}}, None),
        ([{"status": "Completed", "success": 0, "failed": 2}], None),
        ({"status": "Completed: 0 of 2 records loaded"}, None),
        ({"status": "Completed", "message": "No records were processed"}, None),
        ({"status": "Finished", "message": "nothing was imported"}, None),
        ({"job_status": "COMPLETED_WITH_ERRORS", "success": 0, "failed": 2}, 2),
        ({"status": "Partially completed", "loaded": 0, "invalid": 2}, 2),
    ],
)
def test_a_job_called_completed_that_loaded_nothing_has_failed(
    receiver: Receiver, body: Any, accepted: int | None
) -> None:
    post(receiver, json.dumps(body))
    with pytest.raises(JobFailed, match="loaded nothing") as raised:
        wait(JOB, receiver.inbox, 5, accepted)
    assert raised.value.outcome is not None
    assert raised.value.outcome.status == "failed"


@pytest.mark.parametrize(
    ("body", "accepted", "warning"),
    [
        ({"status": "Completed", "total": 3, "success": 2, "failed": 1}, 3, "loaded 2 of the 3 contacts"),
        ({"status": "Completed", "success": 2}, 3, "loaded 2 of the 3 contacts"),
        ({"status": "Completed", "inserted": 1, "updated": 1}, 3, "loaded 2 of the 3 contacts"),
        ({"status": "Completed", "total": 3, "failed": 1}, 3, "did not load 1 "),
        ({"status": "Completed", "total": 5}, 3, "counts 5 contacts where 3 were sent"),
        ({"status": "Completed with errors"}, 3, "speaks of errors"),
        ({"status": "CompletedWithErrors"}, None, "speaks of errors"),
        ({"status": "completed_with_warnings"}, None, "speaks of errors"),
        ({"status": "Partial success"}, None, "speaks of errors"),
        ({"status": "Completed", "message": "some rows failed"}, None, "speaks of errors"),
    ],
)
def test_what_a_completed_job_did_not_load_is_a_warning(
    body: dict[str, Any], accepted: int | None, warning: str
) -> None:
    outcome = understood(json.dumps(body).encode(), accepted)
    assert outcome is not None
    assert outcome.status == "completed"
    assert len(outcome.warnings) == 1
    assert warning in outcome.warnings[0]


@pytest.mark.parametrize(
    "body",
    [
        {"status": "Completed", "total": 3, "success": 3, "failed": 0},
        {"status": "Completed", "inserted": 1, "updated": 2},
        {"status": "Completed"},
        {"status": "Completed", "message": "no errors, 0 failed"},
        {"status": "Completed without errors"},
        {"status": "Completed", "success": 3, "duplicates": 1},
        {"job": {"status": "Success"}, "counts": {"total": 3}},
    ],
)
def test_a_job_that_loaded_all_has_no_warning(body: dict[str, Any]) -> None:
    outcome = understood(json.dumps(body).encode(), 3)
    assert outcome is not None
    assert (outcome.status, outcome.warnings) == ("completed", ())


def test_only_the_secret_path_counts(receiver: Receiver) -> None:
    parts = urlsplit(receiver.url)
    base = f"http://{parts.netloc}"
    paths = ["", "/", "/run-1", "/run-1/", parts.path[:-1], parts.path + "x", "/%ff%fe"]
    paths += [parts.path.upper(), parts.path.replace("run-1", "run-2"), "/../etc", "/" + "a" * 5000]
    for path in paths:
        assert requests.post(base + path, data=json.dumps(DONE), timeout=5).status_code == 404, path
    assert receiver.bodies.empty()
    assert len(parts.path.split("/")[-1]) == 64


def test_the_given_address_is_announced_and_the_listened_one_answers() -> None:
    port = free_port()
    keys = {"listen": f"127.0.0.1:{port}", "callback_url": "https://hooks.example.com/in%20box"}
    with receiving(config(**keys), "run-1") as receiver:
        path = urlsplit(receiver.url).path
        for local in (path, path.removeprefix("/in%20box"), "/other" + path):
            url = f"http://127.0.0.1:{port}{local}"
            assert requests.post(url, data=json.dumps(DONE), timeout=5).status_code == 200
        assert waiting(receiver).status == "completed"
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free again


def raw(receiver: Receiver, head: str, body: bytes = b"") -> bytes:
    parts = urlsplit(receiver.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(f"POST {parts.path} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + body)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            return answer.readline()


def test_chunked_bodies(receiver: Receiver) -> None:
    parts = urlsplit(receiver.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    text = json.dumps(DONE).encode()
    connection.request("POST", parts.path, iter([text[:5], text[5:]]), encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert waiting(receiver).counts["success"] == 2
    for broken in (b"zz\r\nabc", b"5\r\nab", b"-1\r\n"):
        assert b" 200 " not in raw(receiver, "Transfer-Encoding: chunked\r\n", broken)
    assert receiver.bodies.empty()


def test_too_large_and_broken_off_bodies(receiver: Receiver) -> None:
    assert b" 413 " in raw(receiver, f"Content-Length: {100 * MAX_BODY}\r\n", b"x")
    chunk = b"%x\r\n" % (MAX_BODY + 1) + b"x" * (MAX_BODY + 1) + b"\r\n0\r\n\r\n"
    assert b" 413 " in raw(receiver, "Transfer-Encoding: chunked\r\n", chunk)
    assert raw(receiver, "Content-Length: 50\r\n", b'{"status": "Completed"') == b""
    assert receiver.bodies.empty()
    assert post(receiver, json.dumps(DONE)) == 200


def test_a_slow_client_holds_up_nobody(receiver: Receiver) -> None:
    parts = urlsplit(receiver.url)
    slow = [socket.create_connection((parts.hostname, parts.port)) for _ in range(20)]
    try:
        for connection in slow:
            connection.sendall(b"POST / HTTP/1.1\r\nHos")
        assert post(receiver, json.dumps(DONE)) == 200
        assert waiting(receiver).status == "completed"
    finally:
        for connection in slow:
            connection.close()


def test_leaving_is_quick_while_a_client_is_slow() -> None:
    with receiving(config(), "run-1") as receiver:
        parts = urlsplit(receiver.url)
        slow = socket.create_connection((parts.hostname, parts.port))
        slow.sendall(b"POST / HTTP/1.1\r\nHos")
        time.sleep(0.1)
        started = time.monotonic()
    assert time.monotonic() - started < 8
    slow.close()


def test_a_flood_is_turned_away(receiver: Receiver) -> None:
    for _ in range(100):
        receiver.bodies.put(b"x")
    assert post(receiver, json.dumps(DONE)) == 429


def test_a_secret_makes_the_path_and_without_one_it_is_new_each_time() -> None:
    given_url = "https://hooks.example.com"
    stable = config(callback_url=given_url, secret=SecretStr("s3cret" * 8))
    assert address(stable, "run-1") == address(stable, "run-1")
    assert address(stable, "run-1") != address(stable, "run-2")
    other = config(callback_url=given_url, secret=SecretStr("other" * 8))
    assert address(stable, "run-1") != address(other, "run-1")
    assert "s3cret" not in str(address(stable, "run-1"))
    random = config(callback_url=given_url)
    assert address(random, "run-1") != address(random, "run-1")
    assert address(config(), "run-1") is None


def test_a_port_that_cannot_be_had() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(ConfigError, match=r"track\.listen: cannot listen"),
            receiving(config(listen=listen), "run-1"),
        ):
            pass
    with (
        pytest.raises(ConfigError, match=r"track\.listen"),
        receiving(config(listen="no-such-host.invalid:80"), "run-1"),
    ):
        pass


def test_it_listens_on_ipv6_too() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with receiving(config(listen="[::1]:0"), "run-1") as receiver:
        assert receiver.url.startswith("http://[::1]:")
        assert post(receiver, json.dumps(DONE)) == 200


def test_no_log_and_no_output_shows_the_path(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    with receiving(config(), "run-1") as receiver:
        token = receiver.url.rpartition("/")[2]
        post(receiver, json.dumps(DONE))
        post(receiver, b"x", "/wrong")
        raw(receiver, "Transfer-Encoding: chunked\r\n", b"zz")
        raw(receiver, "Bad Header\r\n\0")
        assert repr(receiver).find(token) == -1
    logging.getLogger("urllib3").setLevel(logging.NOTSET)
    out, err = capfd.readouterr()
    assert token not in caplog.text + out + err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("said", "status"),
    [
        *((said, "completed") for said in ("Completed", "SUCCESS", "Done.", "Finished", "Processed 5 rows")),
        *((said, "failed") for said in ("Failed", "error: x", "Rejected", "Cancelled", "Aborted")),
        *((said, None) for said in ("Processing", "Queued", "", "In progress", "unsuccessful", "incomplete")),
    ],
)
@pytest.mark.parametrize("key", ["status", "Status", "job_status", "upload-status", "STATE"])
def test_status_words(said: str, status: str | None, key: str) -> None:
    outcome = understood(json.dumps({key: said}).encode())
    assert (outcome.status if outcome else None) == status


@pytest.mark.parametrize(
    "key",
    ["failed_mobile", "Invalid E-mail", "failedEmail", "record_id", "recordId", "rejected phone", "row no",
     "error asha@example.com", "fail+919876543210", "valid customer", "success" * 10, "msisdn_count"],
)  # fmt: skip
def test_names_that_a_contact_could_stand_under_are_no_counts(key: str) -> None:
    outcome = understood(json.dumps({"status": "done", key: 987654321}).encode())
    assert outcome is not None
    assert outcome.counts == {}


@pytest.mark.parametrize(
    "value", ["919876543210", "+91987654", "asha", "1.5", 1.5, True, None, [1], -1, "", "१२"]
)
def test_values_that_are_no_small_whole_numbers_are_no_counts(value: object) -> None:
    outcome = understood(json.dumps({"status": "done", "total": value}).encode())
    assert outcome is not None
    assert outcome.counts == {}


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
bodies = st.dictionaries(
    st.sampled_from(["status", "result", "total", "success", "mobile", "x"]) | st.text(max_size=15),
    values | st.lists(values, max_size=2) | st.dictionaries(st.text(max_size=4), values, max_size=2),
    max_size=6,
)


@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(str.encode)
    | bodies.map(lambda b: json.dumps(b).encode())
)
@example(b"[" * 100_000)
@example(b"9" * 5000)
@example(b'{"total": ' + b"9" * 5000 + b', "status": "done"}')
@example(b"status=done&" + b"a=1&" * 2000)
def test_interpreting_never_raises_and_keeps_the_body(body: bytes) -> None:
    outcome = understood(body)
    if outcome is not None:
        assert outcome.raw == body
        assert outcome.said.isascii()
        assert outcome.said.isalpha()
        assert all(0 <= number < 10**9 for number in outcome.counts.values())
        assert body.decode() not in repr(outcome) or len(body) < 20


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "success", "data": {"jobstatus": "Failed"}}, "failed"),
        ({"status": "success", "data": {"status": "Failed"}}, "failed"),
        ({"status": "Completed", "result": "success", "data": {"status": "Completed"}}, "completed"),
        ({"status": "Successfully queued"}, None),
        ({"status": "OK, processing started"}, None),
        ({"status": "Processed 10%"}, None),
        ({"status": "Completed 100%"}, "completed"),
    ],
)
def test_an_envelope_s_success_is_not_the_job_s(body: Any, status: str | None) -> None:
    outcome = understood(json.dumps(body).encode())
    assert (outcome and outcome.status) == status
