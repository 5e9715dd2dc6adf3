"""Step 5: a job -> its outcome, learnt from the callback that the platform posts.

The receiver hands each body that is posted to a run's own address to a function; who waits for the job's end
reads them from an `Inbox`. What an address and a body are is told in `callback`.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline import callback
from pipeline.config import TrackConfig
from pipeline.errors import ConfigError, JobFailed, JobTimeout
from pipeline.handoffs import Job, Outcome

if TYPE_CHECKING:
    from werkzeug.serving import ThreadedWSGIServer
    from werkzeug.wrappers import Request

log = logging.getLogger("pipeline")

MAX_BODY = 1 << 20
_importing = threading.Lock()  # werkzeug's modules import each other: two threads at once would see halves


class Inbox:
    """What came to one run's address: the bodies that were posted, and who else called there, and how."""

    def __init__(self) -> None:
        self.bodies: queue.Queue[bytes] = queue.Queue(maxsize=100)
        self.methods: set[str] = set()

    def put(self, _run_id: str, body: bytes) -> None:
        """Take a callback's body. Raises queue.Full."""
        self.bodies.put_nowait(body)

    def note(self, method: str) -> None:
        """Note a call that is none: not a POST."""
        log.warning("The callback's address was called by %s, which is not a callback; waiting on.", method)
        self.methods.add(method)


@contextmanager
def receiving(
    config: TrackConfig,
    run_id: str,
    deliver: Callable[[str, bytes], None],
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[str]:
    """The address of a receiver that listens on `track.listen` for posts to one run's own path, until left.

    It hands `(run_id, body)` of each to `deliver`, and the method of each call that is no POST to `note`.
    Without a `track.callback_url` the address is the listening one. Raises ConfigError where the port is
    taken.
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
    url = str(
        callback.address(config.model_copy(update={"callback_url": config.callback_url or own}), run_id)
    )
    with _importing:
        import werkzeug.serving
        import werkzeug.wrappers  # noqa: F401 - for what is imported from it below
    with listening:
        server = _server(listening, _application(run_id, url, deliver, note))
        thread = threading.Thread(target=server.serve_forever, name="pipeline-callback", args=(0.05,))
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _server(listening: socket.socket, application: Any) -> ThreadedWSGIServer:
    from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

    class Quiet(WSGIRequestHandler):
        timeout = 10

        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Nothing: a request line holds the secret path."""

    host, port = listening.getsockname()[:2]
    return ThreadedWSGIServer(host, port, application, Quiet, fd=listening.fileno())


def _application(
    run_id: str, url: str, deliver: Callable[[str, bytes], None], note: Callable[[str], None]
) -> Any:
    from werkzeug.exceptions import HTTPException
    from werkzeug.wrappers import Request, Response

    @Request.application
    def application(request: Request) -> Response:
        if not callback.is_addressed(request.path, url):
            return Response(status=404)
        if request.method != "POST":
            note(request.method)
            return Response(status=405, headers={"Allow": "POST"})
        try:
            deliver(run_id, _body(request))
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


def wait(job: Job, inbox: Inbox, seconds: float, accepted: int | None = None) -> Outcome:
    """The job's outcome, as soon as a callback says that it has ended; `accepted` contacts were sent.

    Raises JobFailed where it ended badly or loaded nothing, JobTimeout where no such callback came within
    `seconds`.
    """
    deadline, unclear = time.monotonic() + seconds, 0
    while True:
        try:
            body = inbox.bodies.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise _timeout(job, seconds, unclear, sorted(inbox.methods)) from None
        outcome = callback.understood(body, accepted)
        if outcome is None:
            unclear += 1
            log.info("A callback came that does not say that the job has ended; waiting on.")
            continue
        if outcome.status == "failed":
            raise _failed(job, outcome)
        return outcome


def _failed(job: Job, outcome: Outcome) -> JobFailed:
    is_done = not outcome.said.lower().startswith(("fail", "err", "rej", "inv", "abo", "can"))
    how = f"is called {outcome.said} and loaded nothing" if is_done else "failed"
    error = JobFailed(
        f"The platform called back: job {job.requestid} {how}{_numbers(outcome.counts)}.",
        hint="Look for that request in the platform's panel; the file is still hosted.",
    )
    error.outcome = outcome
    return error


def _timeout(job: Job, seconds: float, unclear: int, methods: list[str]) -> JobTimeout:
    heard = f"called back {unclear} times without saying that it has ended" if unclear else "not called back"
    other = (
        f" Somebody called the address by {' and '.join(methods)}, which is no callback." if methods else ""
    )
    way = " Let the platform, and any proxy in front of track.listen, POST." if methods else ""
    return JobTimeout(
        f"The platform has {heard} within {seconds:g} s; job {job.requestid} goes on there.{other}",
        hint=f"Do not run it again: look for that request in the platform's panel.{way}",
    )


def _numbers(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{key} {value}' for key, value in counts.items())})" if counts else ""
