"""Step 3: good bytes -> parts of ONE multipart upload -> a hosted file.

Nothing is visible at the file's key before `complete`, so the decision to submit can wait until the last
record is judged. Parts are signed here with boto3 and sent by worker threads with requests, so that
workers need no credentials; a signed checksum makes the store verify each. Leaving without `complete` aborts:
first every worker is stopped, then the upload is ended and it is made sure that no part is left.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from operator import itemgetter
from types import TracebackType
from typing import Any, Self, cast

from pipeline.errors import StageError
from pipeline.handoffs import HostedFile
from pipeline.s3.answers import refusal
from pipeline.s3.client import Store, storage
from pipeline.s3.multipart import abandon, begin
from pipeline.urls import address
from pipeline.wire import retried, session

log = logging.getLogger("pipeline")

PART_BYTES = 8 << 20
MAX_PARTS = 10_000  # S3's own limits: parts of 5 MiB or more except the last, at most 10,000 of them
WORKERS = 2
SIGNED_FOR = 3600
TIMEOUT = (10, 60)
DAMAGED = ("BadDigest", "IncompleteBody", "RequestTimeout")  # on the way: HTTP 400, and worth another try
HEAD_BYTES = 1024  # of the file, kept for the pre-flight to compare


class _Transient(Exception):
    """A part did not arrive, and may the next time."""


class _Part:
    """A part in pieces, which are sent one after the other: put together they would be there twice."""

    def __init__(self, pieces: Sequence[memoryview]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[memoryview]:
        return iter(self._pieces)

    def __len__(self) -> int:
        return sum(map(len, self._pieces))


class Upload:
    """One multipart upload as a context manager: `write` good bytes in order, then `complete`."""

    def __init__(self, store: Store, run_id: str, expected_bytes: int | None = None) -> None:
        self.store = store
        self.key = store.key(f"{run_id}-{secrets.token_hex(16)}.csv")
        self.bytes = 0
        self.head = b""
        self._part_bytes = max(PART_BYTES, (expected_bytes or 0) * 2 // MAX_PARTS)
        self._waiting: list[memoryview] = []
        self._under_way: set[Future[dict[str, Any]]] = set()
        self._done: list[dict[str, Any]] = []
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="pipeline-upload")
        self._upload_id = ""
        self._completing = self._completed = False

    def __enter__(self) -> Self:
        self._upload_id, self._checksum = begin(self.store, self.key)
        self._wire = session(self.store.client.meta.endpoint_url)
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
            self._abort()
            if self._completing:  # stopped before its end was known, or before anybody was told of the file
                self.store.remove(self.key)
        except StageError as unaborted:
            if error is None:
                raise
            log.warning(
                "Parts or the file may be left in bucket %s under %s: %s",
                self.store.bucket,
                self.key,
                unaborted.message,
            )

    def write(self, data: bytes) -> None:
        """Take the next bytes of the file; blocks while enough parts are on their way already."""
        self.bytes += len(data)
        if len(self.head) < HEAD_BYTES:
            self.head = (self.head + data[:HEAD_BYTES])[:HEAD_BYTES]
        rest = memoryview(data)
        while (missing := self._part_bytes - sum(map(len, self._waiting))) <= len(rest):
            self._waiting.append(rest[:missing])
            rest = rest[missing:]
            self._send_waiting()
        if rest:
            self._waiting.append(rest)

    def complete(self) -> HostedFile:
        """The hosted file: from here on it can be fetched by its URL, and by nothing else."""
        if self._waiting or self._next_number() == 1:
            self._send_waiting()
        self._collect(until_left=0)
        parts: Any = sorted(self._done, key=itemgetter("PartNumber"))
        url, expires_at = address(self.store, self.key)
        self._completing = True
        try:
            with storage("completing the upload"):
                self.store.client.complete_multipart_upload(
                    Bucket=self.store.bucket,
                    Key=self.key,
                    UploadId=self._upload_id,
                    MultipartUpload={"Parts": parts},
                )
        except StageError:
            if not self._is_there():
                with suppress(StageError):  # one that is still under way finds no upload any more
                    self._abort()
                if not self._is_there():
                    raise
        self._completed = True
        mode = self.store.config.url
        return HostedFile(self.store.bucket, self.key, self.bytes, mode, url, expires_at, self.head)

    def _next_number(self) -> int:
        return len(self._done) + len(self._under_way) + 1

    def _send_waiting(self) -> None:
        part, self._waiting = _Part(self._waiting), []
        number = self._next_number()
        if number > MAX_PARTS // 2:
            self._part_bytes = max(self._part_bytes, PART_BYTES * 32)
        if number > MAX_PARTS:
            raise StageError(
                "The file is larger than one upload can hold.", hint="Split the source and run each piece."
            )
        self._collect(until_left=WORKERS)
        self._under_way.add(self._pool.submit(self._put, number, part))

    def _collect(self, until_left: int) -> None:
        while len(self._under_way) > until_left:
            done, self._under_way = wait(self._under_way, return_when=FIRST_COMPLETED)
            self._done += [future.result() for future in done]

    def _put(self, number: int, part: _Part) -> dict[str, Any]:
        """What Complete has to say of the part, once the store has it."""
        try:
            return retried(lambda: self._put_once(number, part), _Transient, stop=self._stop)
        except _Transient as error:
            raise StageError(
                f"Part {number} could not be uploaded: {error}.",
                hint="Nothing is visible in the bucket; check the network and the store, then run again.",
            ) from None

    def _put_once(self, number: int, part: _Part) -> dict[str, Any]:
        import requests

        if self._stop.is_set():
            raise StageError("The upload was stopped.")
        checksum, body = self._checksum.of(part), cast(Iterable[bytes], part)
        url = self.store.client.generate_presigned_url(
            "upload_part",
            Params={
                "Bucket": self.store.bucket,
                "Key": self.key,
                "UploadId": self._upload_id,
                "PartNumber": number,
                self._checksum.parameter: checksum,
            },
            ExpiresIn=SIGNED_FOR,
        )
        try:
            answer = self._wire.put(
                url,
                data=body if len(part) else b"",
                headers={self._checksum.header: checksum},
                timeout=TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise _Transient(type(error).__name__) from None
        if answer.status_code != 200 or not answer.headers.get("ETag"):
            refused = refusal(answer.status_code, answer.headers, answer.content)
            if refused.status >= 500 or refused.status in (408, 429) or refused.code in DAMAGED:
                raise _Transient(str(refused))
            raise StageError(f"The store refused part {number}: {refused}.", hint=refused.hint)
        said = {"PartNumber": number, "ETag": str(answer.headers["ETag"])}
        return said | ({self._checksum.parameter: checksum} if self._checksum.completes else {})

    def _is_there(self) -> bool:
        """Whether a Complete without an answer did succeed: the whole object is there."""
        try:
            with storage("looking for the completed file"):
                found = self.store.client.head_object(Bucket=self.store.bucket, Key=self.key)
        except StageError:
            return False
        return found["ContentLength"] == self.bytes

    def _abort(self) -> None:
        abandon(self.store, self.key, self._upload_id)
