"""Step 5: a job -> its outcome, learnt from the callback that the platform posts.

The receiver hands each body that is posted to a run's own address to a function; who waits for the job's end
reads them from an `Inbox`. What an address and a body are is told in `callback`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline import callback, receiver
from pipeline.config import TrackConfig
from pipeline.errors import JobFailed, JobTimeout
from pipeline.handoffs import Job
from pipeline.logs import log_of
from pipeline.receiver import Heard
from pipeline.result import Outcome
from pipeline.wire import session

if TYPE_CHECKING:
    pass


class Inbox:
    """What came to one run's address: the bodies that were posted, and who else called there, and how."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.bodies: queue.Queue[bytes] = queue.Queue(maxsize=100)
        self.posted = threading.Event()
        self.methods: set[str] = set()

    def put(self, run_id: str, method: str, body: bytes) -> None:
        """Take a call to a run's address, if it is this run's. Raises queue.Full."""
        if run_id != self.run_id:
            return
        if method == "POST":
            self.bodies.put_nowait(body)
            self.posted.set()
            return
        called = "The callback's address was called by %s, which is not a callback; waiting on."
        log_of(run_id).warning(called, method)
        self.methods.add(method)


@contextmanager
def receiving(config: TrackConfig, run_id: str, heard: Heard, about: str = "") -> Iterator[str]:
    """The address of one run on a receiver that listens on `track.listen`, until left.

    It hands `(run_id, method, body)` of each call to a run's address to `heard`: with a `track.secret` that
    of any run, `about` the same bucket and prefix. Without a `track.callback_url` the address is the
    listening one. Raises ConfigError where the port is taken.
    """
    listen = config.listen or "127.0.0.1:0"
    listener = receiver.listening(listen)
    own = f"http://{listen.rpartition(':')[0]}:{listener.getsockname()[1]}"
    url = str(
        callback.address(config.model_copy(update={"callback_url": config.callback_url or own}), run_id)
    )

    def who(path: str) -> str | None:
        if config.secret:
            return callback.run_addressed(path, config.secret)
        return run_id if callback.is_addressed(path, url) else None

    with receiver.serving(listener, receiver.application(who, heard, own_paths(config, about))):
        yield url


def own_paths(config: TrackConfig, about: str) -> dict[str, str]:
    """Where, and by what text, a receiver of runs `about` the same says that it is one."""
    return {
        f"/{callback.token(secret, f'receiver:{about}')}": callback.token(secret, f"received:{about}")
        for secret in config.secret
    }


def is_received(config: TrackConfig, about: str) -> bool:
    """Whether a receiver of our own, for runs `about` the same bucket and prefix, holds `track.listen`."""
    import requests
    from urllib3.exceptions import HTTPError

    host, _, port = (config.listen or "").rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - it listens on all
    for path, expected in own_paths(config, about).items():
        url = f"http://{host}:{port}{path}"
        try:
            with session(url) as wire, wire.get(url, timeout=5, allow_redirects=False, stream=True) as answer:
                return answer.raw.read(len(expected) + 1) == expected.encode()
        except (requests.RequestException, HTTPError):
            return False
    return False


def proof(inbox: Inbox, seconds: float, look: Callable[[], Outcome | None]) -> str | None:
    """The request id ("?" if none is told) as soon as any callback shows that a job was taken.

    None where none came within `seconds`. What came stays in the inbox.
    """
    deadline, pace = time.monotonic() + seconds, pauses()
    while True:
        left = deadline - time.monotonic()
        if inbox.posted.wait(min(max(0.0, left), next(pace))):
            return callback.requestid(inbox.bodies.queue[0]) or "?"
        if look():
            return "?"
        if left <= 0:
            return None


def wait(
    job: Job,
    inbox: Inbox,
    seconds: float,
    accepted: int | None = None,
    look: Callable[[], Outcome | None] = lambda: None,
    advice: str = "Do not run it again: look for that request in the platform's panel.",
) -> Outcome:
    """The job's outcome, as soon as a callback says that it has ended; `accepted` contacts were sent.

    `look` is asked now and then whether another receiver was told, every 2 seconds growing to 30; `advice` is
    what to do when none came in time.

    Raises JobFailed where it ended badly or loaded nothing, JobTimeout where no such callback came within
    `seconds`.
    """
    deadline, unclear, pace = time.monotonic() + seconds, 0, pauses()
    while True:
        left = deadline - time.monotonic()
        try:
            body = inbox.bodies.get(timeout=min(max(0.0, left), next(pace)))
        except queue.Empty:
            outcome = look()
            if outcome is None and left <= 0:
                raise _timeout(job, seconds, unclear, sorted(inbox.methods), advice) from None
        else:
            outcome = callback.understood(body, accepted)
            unclear += outcome is None
        if outcome is None:
            continue
        if outcome.status == "failed":
            raise _failed(job, outcome)
        return outcome


def pauses(first: float = 2.0, longest: float = 30.0) -> Iterator[float]:
    """Seconds between two looks at something that may take long: from 2 growing to 30."""
    while True:
        yield first
        first = min(first * 1.5, longest)


def _failed(job: Job, outcome: Outcome) -> JobFailed:
    is_done = not outcome.said.lower().startswith(("fail", "err", "rej", "inv", "abo", "can"))
    how = f"is called {outcome.said} and loaded nothing" if is_done else "failed"
    error = JobFailed(
        f"The platform called back: job {job.requestid} {how}{_numbers(outcome.counts)}.",
        hint="Look for that request in the platform's panel; the file is still hosted.",
    )
    error.outcome = outcome
    return error


def _timeout(job: Job, seconds: float, unclear: int, methods: list[str], advice: str) -> JobTimeout:
    heard = f"called back {unclear} times without saying that it has ended" if unclear else "not called back"
    other = (
        f" Somebody called the address by {' and '.join(methods)}, which is no callback." if methods else ""
    )
    way = " Let the platform, and any proxy in front of track.listen, POST." if methods else ""
    return JobTimeout(
        f"The platform has {heard} within {seconds:g} s; job {job.requestid} goes on there.{other}",
        hint=f"{advice}{way}",
    )


def _numbers(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{key} {value}' for key, value in counts.items())})" if counts else ""
