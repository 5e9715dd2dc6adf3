"""What happened to a run, as small JSON objects in the bucket: each written once, none ever changed.

    {prefix}runs/{run_id}/started.json  staged.json  callback-{hash}.json  ended.json  cleaned.json
    {prefix}claims/{id}/{attempt}/claim.json  answer.json

Each is created by one plain PUT with `If-None-Match: *`, so of two writers one wins and the other is
told. The objects hold no URL, no contact value and no secret.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from pipeline.errors import LedgerError, StageError
from pipeline.s3 import objects
from pipeline.s3.advice import NOT_S3
from pipeline.s3.client import Store
from pipeline.s3.failures import storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VERSION = 1
MAX_BYTES = 1 << 16
CONFLICT_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds between the attempts that a 409 asks for

Facts = Mapping[str, Any]

_EXISTS = ("PreconditionFailed", "412")
_CONFLICT = ("ConditionalRequestConflict", "OperationAborted", "409")
_MISSING = ("NoSuchKey", "404")
_UNKNOWN_CONDITION = ("NotImplemented", "InvalidArgument", "InvalidRequest", "501")
_RUN_EVENT = re.compile(r"(started|staged|ended|cleaned|callback)(-[0-9a-f]{64})?\.json")

UPDATE = "Update this tool: nothing is sent by one that cannot read the whole ledger."


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, `at` by the store's clock; `facts` are what its object says."""

    kind: str
    facts: Facts
    at: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """The keys under a prefix with the time of their last change, and the store's `now`."""

    modified: Mapping[str, datetime]
    now: datetime


@dataclass(frozen=True)
class Ledger:
    """The ledger's objects under one bucket's prefix.

    `conditional` is False for a store that does not keep `If-None-Match`: then nobody else may be running.
    `hurried` takes short time-outs and no retries, for who was stopped.
    """

    store: Store
    conditional: bool = True
    hurried: bool = False
    pauses: tuple[float, ...] = field(default=CONFLICT_PAUSES, repr=False)

    @property
    def client(self) -> S3Client:
        """The client for all requests."""
        return self.store.hurried if self.hurried else self.store.client

    def key(self, *names: str) -> str:
        """The key of an object or, where the last name is empty, of all below it."""
        return self.store.config.prefix + "/".join(names)

    def record(self, run_id: str, kind: str, facts: Facts) -> Facts | None:
        """Record what happened to a run; return None, or the facts that were there before and stay.

        Raises StageError where the store fails.
        """
        return self.write(self.key("runs", run_id, f"{kind}.json"), facts)

    def write(self, key: str, facts: Facts) -> Facts | None:
        """Create that object; return None once it holds these facts, else what stands there instead.

        A PUT whose answer was lost is sent again and then meets itself: equal facts are our own.
        """
        if self.create(key, facts):
            return None
        standing = self.read(key)
        return None if standing == {"v": VERSION, **facts} else standing

    def create(self, key: str, facts: Facts) -> bool:
        """Whether the object was created now; False where it exists. Reads nothing."""
        body = json.dumps({"v": VERSION, **facts}, sort_keys=True).encode()
        return self.create_object(key, body, {"ContentType": "application/json"})

    def create_object(self, key: str, body: bytes, settings: Mapping[str, Any]) -> bool:
        """As `create`, for any body, with these `settings` of PutObject."""
        if not self.conditional and self._exists(key):
            return False
        settings = {"CacheControl": "private, no-store", **objects.encryption(self.store.config), **settings}
        for pause in (*self.pauses, None):
            refused = self._put(key, body, settings)
            if refused is None:
                return True
            if refused in _EXISTS:
                return False
            if pause is not None:
                time.sleep(pause)
        raise StageError(
            "The store kept answering that another write of the same ledger entry was under way.",
            hint="Run again in a minute.",
        )

    def read(self, key: str) -> dict[str, Any] | None:
        """The facts under that key, None where there are none.

        Raises StageError where the store fails, LedgerError where a newer version of this tool wrote them.
        """
        from botocore.exceptions import ClientError

        with storage("reading the ledger"):
            try:
                answer = self.client.get_object(Bucket=self.store.bucket, Key=key)
                body = answer["Body"].read(MAX_BYTES + 1)
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
        return _facts(body)

    def find(self, key: str) -> dict[str, Any] | None:
        """As `read`, for a key that may be missing: to read that is 403 for who may list by prefix only."""
        return self.read(key) if self._exists(key) else None

    def _exists(self, key: str) -> bool:
        return key in self._list(key).modified

    def list(self, *names: str) -> Listing:
        """What there is below `names`; the last may be the beginning of a name. Raises StageError."""
        return self._list(self.key(*names))

    def list_from(self, after: str, *names: str) -> Listing:
        """As `list`, with the keys that sort after the key `after` only."""
        return self._list(self.key(*names), StartAfter=after)

    def _list(self, prefix: str, **how: str) -> Listing:
        modified: dict[str, datetime] = {}
        wanted: dict[str, Any] = {"Bucket": self.store.bucket, "Prefix": prefix, **how}
        while True:
            with storage("listing the ledger"):
                page = self.client.list_objects_v2(**wanted)
            modified |= {found["Key"]: found["LastModified"] for found in page.get("Contents", [])}
            if not page.get("IsTruncated"):
                return Listing(modified, store_time(page))
            wanted["ContinuationToken"] = page["NextContinuationToken"]

    def run_events(self, run_id: str, listing: Listing | None = None) -> Iterator[Event]:
        """The events of a run in any order, without its claim's."""
        below = self.key("runs", run_id, "")
        found = (listing or self.list("runs", run_id, "")).modified
        for key in (key for key in found if key.startswith(below)):
            known = _RUN_EVENT.fullmatch(key.removeprefix(below))
            facts = self.read(key)
            if known is None:
                raise newer()
            if facts is not None:
                yield Event(known[1], facts, found[key])

    def prove(self) -> None:
        """Raise LedgerError unless the store keeps `If-None-Match: *`, by a PUT to a key that exists."""
        key = self.key("claims", "condition.json")
        if self.create(key, {}) and self.create(key, {}):  # the very first is no proof
            raise self._unkept("ignores `If-None-Match`")

    def _unkept(self, how: str) -> LedgerError:
        return LedgerError(
            f"The store of bucket {self.store.bucket} {how}: two runs at once could both submit one file.",
            hint="Use another store (with Ceph, a bucket without versioning), or write "
            "`ledger: single_writer` if never more than one run goes on at a time.",
        )

    def _put(self, key: str, body: bytes, settings: Mapping[str, Any]) -> str | None:
        """None where the store has written it, else its code for: exists, or ask again."""
        from botocore.exceptions import ClientError

        condition: dict[str, Any] = {"IfNoneMatch": "*"} if self.conditional else {}
        with storage("writing the ledger"):
            try:
                answer = self.client.put_object(
                    Bucket=self.store.bucket, Key=key, Body=body, **settings, **condition
                )
            except ClientError as error:
                code = _code(error)
                if code in (*_EXISTS, *_CONFLICT):
                    return code
                if code in _UNKNOWN_CONDITION and self.conditional:
                    raise self._unkept(f"does not know `If-None-Match` ({code})") from None
                raise
        if not answer.get("ETag"):
            raise StageError("What answers there is not an S3 store.", hint=str(NOT_S3))
        return None


def newer() -> LedgerError:
    """The error for what this version of the tool does not understand."""
    return LedgerError("The ledger holds entries that a newer version of this tool wrote.", hint=UPDATE)


def store_time(answer: Any) -> datetime:
    """The store's clock as an answer of boto3's tells it. Raises StageError where it does not."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(date)
    except ValueError:
        raise StageError(
            "The store's answer holds no Date, so nobody can tell how old a claim is.",
            hint="Is there a proxy between here and the store? Let it keep the Date header.",
        ) from None


def _facts(body: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(body) if len(body) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or type(facts.get("v")) is not int:
        raise LedgerError(
            "An object among the ledger's is none of this tool's.",
            hint="Give stage.prefix to this tool alone; look at runs/ and claims/ below it.",
        )
    if facts["v"] > VERSION:
        raise newer()
    return facts


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code"))
