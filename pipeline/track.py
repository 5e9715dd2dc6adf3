"""Step 5: a job -> its outcome, learnt from the callback that the platform posts.

What a callback holds is not documented, so it is told apart from others by its address alone: a path that
nobody can guess. Its body may be JSON, a form or anything else; it is kept as it came, and status words and
counts are read from it only where they are there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import queue
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from pipeline.config import TrackConfig
from pipeline.errors import ConfigError, JobFailed, JobTimeout
from pipeline.handoffs import Job, Outcome

if TYPE_CHECKING:
    from werkzeug.serving import ThreadedWSGIServer
    from werkzeug.wrappers import Request

log = logging.getLogger("pipeline")

MAX_BODY = 1 << 20
_DONE = re.compile(r"(?i)^(success(ful(ly)?)?|complete[d]?|done|finished|processed|ok)\b")
_FAILED = re.compile(r"(?i)^(fail(ed|ure)?|error|rejected|invalid|abort(ed)?|cancel+ed)\b")
_COUNTED = re.compile(
    r"(?i)total|count|success|fail|record|row|insert|added|updat|valid|duplicat|process|reject|skip|error"
)
# What a contact or its number could stand under: such a value is never taken for a count.
_PERSONAL = re.compile(
    r"(?i)mobile|phone|msisdn|e-?mail|cust|(?<![a-z])(?:id|no|nr|number)(?![a-z])|Id\b|ID\b"
)
_STATUS_KEYS = ("status", "jobstatus", "uploadstatus", "state", "result")


class Receiver:
    """Where one run's callback arrives: `url` is what the platform is given, `bodies` what was posted.

    `tail` is the path's secret end, by which a callback is known: what stands before it may be lost on the
    way, as reverse proxies take their own prefix off.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.tail = "/" + "/".join(urlsplit(url).path.split("/")[-2:])
        self.bodies: queue.Queue[bytes] = queue.Queue(maxsize=100)


def callback_url(config: TrackConfig, run_id: str) -> str | None:
    """The address for one run's callback: the configured one and a path that nobody can guess."""
    if not config.callback_url:
        return None
    if config.secret:
        key = config.secret.get_secret_value().encode()
        token = hmac.new(key, run_id.encode(), hashlib.sha256).hexdigest()
    else:
        token = secrets.token_hex(32)
    return f"{config.callback_url}/{run_id}/{token}"


@contextmanager
def receiving(config: TrackConfig, run_id: str) -> Iterator[Receiver]:
    """A receiver that listens on `track.listen` for posts to one run's own path, until left.

    Without a `track.callback_url` its address is the listening one. Raises ConfigError where the port
    cannot be had.
    """
    host, _, port = (config.listen or "127.0.0.1:0").rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        listening = socket.create_server((host.strip("[]"), int(port)), family=family)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", "") or "no such port"
        raise ConfigError(
            f"track.listen: cannot listen on {config.listen}: {why}.",
            hint="Choose a free port of this machine.",
        ) from None
    own = f"http://{host}:{listening.getsockname()[1]}"
    url = callback_url(config.model_copy(update={"callback_url": config.callback_url or own}), run_id)
    receiver = Receiver(str(url))
    with listening:
        server = _server(listening, receiver)
        thread = threading.Thread(target=server.serve_forever, name="pipeline-callback", args=(0.05,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _server(listening: socket.socket, receiver: Receiver) -> ThreadedWSGIServer:
    from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

    class Quiet(WSGIRequestHandler):
        timeout = 10

        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Nothing: a request line holds the secret path."""

    host, port = listening.getsockname()[:2]
    return ThreadedWSGIServer(host, port, _application(receiver), Quiet, fd=listening.fileno())


def _application(receiver: Receiver) -> Any:
    from werkzeug.exceptions import HTTPException
    from werkzeug.wrappers import Request, Response

    @Request.application
    def application(request: Request) -> Response:
        tail = request.path[-len(receiver.tail) :]
        if not hmac.compare_digest(tail.encode(errors="replace"), receiver.tail.encode()):
            return Response(status=404)
        if request.method != "POST":
            return Response(status=405, headers={"Allow": "POST"})
        try:
            receiver.bodies.put_nowait(_body(request))
        except HTTPException as error:
            return Response(status=error.code)
        except OSError:  # a chunked body that breaks off, or is none
            return Response(status=400)
        except queue.Full:
            return Response(status=429)
        return Response(status=200)

    return application


def _body(request: Request) -> bytes:
    """The body. Raises RequestEntityTooLarge for more than MAX_BODY, other HTTPExceptions and OSError.

    `max_content_length` is not relied on: werkzeug 2.2 applies it to forms alone, and later versions cut a
    chunked body off there in silence.
    """
    from werkzeug.exceptions import RequestEntityTooLarge

    body, too_long = b"", (request.content_length or 0) > MAX_BODY
    while not too_long and (piece := request.stream.read(MAX_BODY + 1 - len(body))):
        body += piece
        too_long = len(body) > MAX_BODY
    if too_long:
        raise RequestEntityTooLarge
    return body


def wait(job: Job, receiver: Receiver, seconds: float) -> Outcome:
    """The job's outcome, as soon as a callback says that it has ended.

    Raises JobFailed where it ended badly, JobTimeout where no such callback came within `seconds`.
    """
    deadline, unclear = time.monotonic() + seconds, 0
    while True:
        try:
            body = receiver.bodies.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            heard = (
                f"called back {unclear} times without saying that it has ended"
                if unclear
                else "not called back"
            )
            raise JobTimeout(
                f"The platform has {heard} within {seconds:g} s; job {job.requestid} goes on there.",
                hint="Do not run it again: look for that request in the platform's panel.",
            ) from None
        outcome = interpret(body)
        if outcome is None:
            unclear += 1
            log.info("A callback came that does not say that the job has ended; waiting on.")
            continue
        if outcome.status == "failed":
            error = JobFailed(
                f"The platform called back: job {job.requestid} failed{_numbers(outcome.counts)}.",
                hint="Look for that request in the platform's panel; the file is still hosted.",
            )
            error.outcome = outcome
            raise error
        return outcome


def interpret(body: bytes) -> Outcome | None:
    """How a job ended according to a callback's body; None where it does not say that it has ended."""
    found = _fields(body)
    fields = {re.sub(r"[^a-z]", "", key.lower()): value for key, value in found.items()}
    said = next((str(fields[key]) for key in _STATUS_KEYS if isinstance(fields.get(key), str)), "")
    whole = {key: int(value) for key, value in found.items() if _is_count(key, value)}
    if _FAILED.match(said):
        return Outcome("failed", _word(said), whole, raw=body)
    if _DONE.match(said):
        return Outcome("completed", _word(said), whole, raw=body)
    return None


def _fields(body: bytes) -> Mapping[str, Any]:
    text = body.decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return dict(parse_qsl(text)) if "=" in text else {}
    return parsed if isinstance(parsed, dict) else {}


def _is_count(key: str, value: object) -> bool:
    """Whether it is a number by its name and its look: a callback could hold contacts' values too."""
    number = type(value) in (int, str) and re.fullmatch(r"[0-9]{1,9}", str(value))
    plain = re.fullmatch(r"[A-Za-z][A-Za-z _-]{0,39}", key)
    return bool(number and plain and _COUNTED.search(key) and not _PERSONAL.search(key))


def _word(said: str) -> str:
    """The status word alone: what follows it could be anything, a contact's value too."""
    return re.split(r"[^A-Za-z]", said, maxsplit=1)[0]


def _numbers(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{key} {value}' for key, value in counts.items())})" if counts else ""
