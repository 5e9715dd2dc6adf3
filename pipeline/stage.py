"""Step 3: good bytes -> parts of ONE multipart upload -> a hosted file.

Nothing is visible at the file's key before `complete`, so the decision to submit can wait until the last
record is judged. Worker threads put the parts by signed URLs; a signed checksum makes the store verify each.
Leaving without `complete` aborts: first every worker is stopped, then the upload is ended and it is made sure
that no part is left. What cannot be removed is told in `left_behind`.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import reduce
from types import TracebackType
from typing import Any, Self

from pipeline.errors import StageError
from pipeline.handoffs import Link
from pipeline.logs import log_of
from pipeline.result import Fingerprint, HostedFile, masked
from pipeline.s3.checksums import fingerprint, joined
from pipeline.s3.client import Store
from pipeline.s3.multipart import SIGNED_FOR, Begun, PartLostError, abandon, begin, complete, put_part
from pipeline.wire import retried, within

PART_BYTES = 8 << 20
MAX_PARTS = 10_000  # S3's own limits: parts of 5 MiB or more except the last, at most 10,000 of them
PIECE_BYTES = 1 << 20  # after each of which a part on its way can be stopped
WORKERS = 2
HEAD_BYTES = 1024  # of the file, kept for the pre-flight to compare
CLEANING_SECONDS = 5.0  # for who was stopped: Docker kills ten seconds after SIGTERM

Put = tuple[int, str, Fingerprint]


class Upload:
    """One multipart upload as a context manager: `write` good bytes in order, then `complete`."""

    def __init__(
        self,
        store: Store,
        run_id: str,
        expected_bytes: int | None = None,
        left_behind: list[str] | None = None,
        *,
        signed_ahead: bool = False,
    ) -> None:
        self.store, self.run_id = store, run_id
        self._signed_ahead = signed_ahead
        self.key = store.key(f"{run_id}-{secrets.token_hex(16)}.csv")
        self._head, self._head_bytes = hashlib.sha256(), 0
        self._head_sha256: str | None = None
        self.left_behind = [] if left_behind is None else left_behind
        self._expected_bytes = expected_bytes or 0
        self._part_bytes = max(PART_BYTES, self._expected_bytes * 2 // MAX_PARTS)
        self._waiting: list[memoryview] = []
        self._under_way: set[Future[Put]] = set()
        self._done: dict[int, tuple[str, Fingerprint]] = {}
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="pipeline-upload")
        self._begun: Begun | None = None
        self._completing = self._completed = False

    def __enter__(self) -> Self:
        self._wire = self.store.wire(self.store.client.meta.endpoint_url)
        self._begun = begin(self.store, self.key, signed_ahead=self._signed_ahead)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._wire.close()
        if self._completed and error is None:
            return
        try:
            self._clean_up(is_stopped=error is not None and not isinstance(error, Exception))
        except BaseException as unremoved:
            key = masked(self.key) if self.store.config.url == "public" else self.key  # there it is the URL
            self.left_behind.append(f"s3://{self.store.bucket}/{key} (its unfinished upload)")
            if error is None or not isinstance(unremoved, StageError):
                raise
            log_of(self.run_id).warning("%s may be left behind: %s", self.left_behind[-1], unremoved.message)

    def _clean_up(self, *, is_stopped: bool) -> None:
        """Abort, and remove what a Complete may have made, within seconds if stopped. Raises StageError."""

        def clean() -> None:
            if self._begun:
                abandon(self._begun, hurried=is_stopped)
            if self._completing:  # stopped before its end was known, or before anybody was told of the file
                self.store.remove(self.key, hurried=is_stopped)

        if not is_stopped:
            clean()
            return
        try:
            within(CLEANING_SECONDS, clean)
        except TimeoutError:
            raise StageError("The store did not answer in time.") from None

    def write(self, data: bytes) -> None:
        """Take the next bytes of the file; blocks while enough parts are on their way already."""
        if self._head_bytes < HEAD_BYTES:
            self._head.update(data[: HEAD_BYTES - self._head_bytes])
            self._head_bytes += len(data)
        rest = memoryview(data)
        while (missing := self._part_bytes - sum(map(len, self._waiting))) <= len(rest):
            self._waiting.append(rest[:missing])
            rest = rest[missing:]
            self._send_waiting()
        if rest:
            self._waiting.append(rest)

    def parts_ahead(self) -> tuple[int, list[dict[str, Any]]]:
        """How large each part is but the last, and how boto3 is told of each, for workers that put them."""
        assert self._begun  # noqa: S101 - for the type checker: it has been entered
        count = max(1, -(-(self._expected_bytes) // self._part_bytes))
        return self._part_bytes, [self._begun.where | {"PartNumber": n} for n in range(1, count + 1)]

    def take(self, parts: Iterable[Put], head_sha256: str) -> None:
        """Parts that workers have put; `head_sha256` is of the file's first KiB."""
        self._done |= {number: (etag, part) for number, etag, part in parts}
        self._head_sha256 = head_sha256

    def finish(self) -> Fingerprint:
        """What was staged, once the store has all of it; nothing is visible yet."""
        if self._waiting or self._next_number() == 1:
            self._send_waiting()
        self._collect(until_left=0)
        return reduce(joined, (part for _, (_, part) in sorted(self._done.items())))

    def complete(self, link: Link, records: int = 0) -> HostedFile:
        """The hosted file, of so many records: from here on it can be fetched, by that link alone."""
        assert self._begun  # noqa: S101 - for the type checker: it has been entered
        whole = self.finish()
        self._completing = True
        complete(self._begun, self._done, whole)
        self._completed = True
        return HostedFile(
            self.store.bucket,
            self.key,
            self.store.config.url,
            replace(whole, records=records),
            self._head_sha256 or self._head.hexdigest(),
            link.expires_at,
        )

    def _next_number(self) -> int:
        return len(self._done) + len(self._under_way) + 1

    def _send_waiting(self) -> None:
        pieces = [
            piece[at : at + PIECE_BYTES]
            for piece in self._waiting
            for at in range(0, len(piece), PIECE_BYTES)
        ]
        self._waiting = []
        number = self._next_number()
        if number > MAX_PARTS // 2:
            self._part_bytes = max(self._part_bytes, PART_BYTES * 32)
        if number > MAX_PARTS:
            raise StageError(
                "The file is larger than one upload can hold.", hint="Split the source and run each piece."
            )
        self._collect(until_left=WORKERS)
        self._under_way.add(self._pool.submit(self._put, number, pieces))

    def _collect(self, until_left: int) -> None:
        while len(self._under_way) > until_left:
            # With an end to the wait: else it would be deaf to Ctrl-C, whose handler polars replaces.
            done, self._under_way = wait(self._under_way, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                number, etag, part = future.result()
                self._done[number] = (etag, part)

    def _put(self, number: int, pieces: list[memoryview]) -> Put:
        """The part's number, ETag and fingerprint, once the store has it."""
        assert self._begun  # noqa: S101 - for the type checker: it has been entered
        begun, part = self._begun, fingerprint(pieces)
        checksum = begun.checksum(part, pieces)

        def put_once() -> str:
            if self._stop.is_set():
                raise StageError("The upload was stopped.")
            url = begun.part_url(number, checksum)
            return within(SIGNED_FOR, lambda: put_part(url, checksum, pieces, self._wire), stop=self._stop)

        return number, put_again(put_once, f"part {number}", self._stop), part


def put_again(put_once: Callable[[], str], what: str, stop: threading.Event) -> str:
    """The ETag of `what` is put, such as "part 7"; it is put again where it was lost, until `stop` is set.

    Raises StageError where the store does not take it.
    """
    try:
        return retried(put_once, PartLostError, stop=stop)
    except TimeoutError:
        raise StageError(f"{what.capitalize()} was stopped on its way.") from None
    except PartLostError as error:
        raise StageError(
            f"{what.capitalize()} could not be uploaded: {error}.",
            hint="Nothing is visible in the bucket; check the network and the store, then run again.",
        ) from None
    except StageError as error:
        raise StageError(error.message.replace("a part", what), hint=error.hint) from None
