"""What may go: hosted files whose time is over, bodies of old callbacks and rejects, unfinished uploads.

Ages are the store's: its `Date` minus its own `LastModified`. Claims and events are never removed, nor is
anything whose key is not one that this tool makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pipeline.callback import RUN_ID
from pipeline.config import Config
from pipeline.ledger.claim import claim_of
from pipeline.ledger.events import Event, Facts, Ledger, store_time
from pipeline.s3.failures import storage

SWEPT = 20  # objects at most, at the end of a run
AFTER_THE_END = timedelta(hours=1)
_HOSTED = re.compile(rf"hosted/({RUN_ID})-[0-9a-f]{{32}}\.csv")
_BODIES = {
    "callbacks/": re.compile(rf"callbacks/({RUN_ID})/[0-9a-f]{{64}}"),
    "rejects/": re.compile(rf"rejects/({RUN_ID})/[0-9]{{6,}}"),
}


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something of ours in the bucket that may go, and `why`.

    `what` it is: a hosted file, an unfinished upload, the body of a callback, or rejects. `id` is its version
    or upload.
    """

    what: Literal["file", "upload", "body"]
    key: str
    run_id: str
    why: str
    id: str = ""
    is_recorded: bool = False  # whether the ledger knows the run


@dataclass(frozen=True, slots=True)
class _Found:
    key: str
    run_id: str
    at: datetime
    version: str


def due(config: Config, ledger: Ledger, older_than: timedelta) -> Iterator[Leftover]:
    """Everything that may go now: what `clean` removes. Raises StageError where the store fails."""
    files, now = _versions(ledger, "hosted/", _HOSTED)
    newest = {each.key: each.at for each in sorted(files, key=lambda found: found.at)}
    run_ids = {each.key: each.run_id for each in files}
    for key, at in newest.items():
        events = {each.kind: each for each in ledger.run_events(run_ids[key])}
        if why := why_due(config, ledger, run_ids[key], events, at, now, older_than):
            for each in (each for each in files if each.key == key):
                yield Leftover("file", key, each.run_id, why, each.version, bool(events))
    for below, ours in _BODIES.items():
        bodies, now = _versions(ledger, below, ours)
        for each in bodies:
            if now - each.at >= timedelta(seconds=config.track.keep_bodies):
                yield Leftover("body", each.key, each.run_id, "track.keep_bodies is over", each.version)
    yield from _uploads(ledger, older_than)


def swept(config: Config, ledger: Ledger, but_for: str) -> Iterator[Leftover]:
    """Up to 20 hosted files under the run's own prefix whose time is over; `but_for` is the run itself."""
    listing = ledger.list("hosted", "")
    least = timedelta(seconds=min(config.stage.expires_in, config.stage.keep))
    old = []
    for key, at in sorted(listing.modified.items(), key=lambda item: item[1]):
        name = _HOSTED.fullmatch(key[len(ledger.key("")) :])
        if name and name[1] != but_for and listing.now - at >= least:
            old.append((key, name[1], at))
    for key, run_id, at in old[:SWEPT]:
        events = {each.kind: each for each in ledger.run_events(run_id)}
        if why := why_due(config, ledger, run_id, events, at, listing.now):
            yield Leftover("file", key, run_id, why, is_recorded=True)


def why_due(
    config: Config,
    ledger: Ledger,
    run_id: str,
    events: Mapping[str, Event],
    at: datetime,
    now: datetime,
    older_than: timedelta | None = None,
) -> str | None:
    """Why a run's hosted file, written `at`, may go by `now`; None if it has to stay.

    A presigned one goes once its URL is dead, whatever became of the run, or an hour after the callback that
    told the end. One with a plain URL goes `stage.keep` after the API's answer or, without one, the claim.
    If the run's events don't know the file, it goes by its age alone, `older_than` (None: it stays).
    """
    staged = events.get("staged")
    if staged is None:
        longest = max(older_than, timedelta(seconds=config.stage.expires_in)) if older_than else None
        return "it is old, and no run knows it" if longest and now - at >= longest else None
    ended = events.get("ended")
    if ended and ended.facts.get("hash") and now - ended.at >= AFTER_THE_END:
        return "the platform called back that the job has ended"
    if staged.facts.get("url_mode") == "presigned":
        return "its URL has expired" if now >= _expiry(config, staged.facts, at) else None
    claimed = claim_of(ledger, str(staged.facts.get("claim")), run_id)
    if now - max((each.at for each in claimed), default=at) < timedelta(seconds=config.stage.keep):
        return None
    is_unknown = bool(claimed) and all(each.kind != "answer" for each in claimed)
    return "stage.keep is over" + is_unknown * "; whether the API took the job is still unknown"


def remove(ledger: Ledger, leftover: Leftover) -> None:
    """Remove it; that a file is gone is recorded with its run. Raises StageError."""
    client = ledger.store.client
    where: Any = {"Bucket": ledger.store.bucket, "Key": leftover.key}
    version: dict[str, Any] = {"VersionId": leftover.id} if leftover.id else {}
    with storage("cleaning up"):
        if leftover.what == "upload":
            client.abort_multipart_upload(**where, UploadId=leftover.id)
        else:
            client.delete_object(**where, **version)
    if leftover.is_recorded:
        ledger.record(leftover.run_id, "cleaned", {"why": leftover.why})


def _expiry(config: Config, staged: Facts, at: datetime) -> datetime:
    """When a presigned URL is dead for certain; temporary credentials may end it sooner."""
    recorded = staged.get("expires_at")
    return datetime.fromisoformat(recorded) if recorded else at + timedelta(seconds=config.stage.expires_in)


def _versions(ledger: Ledger, below: str, ours: re.Pattern[str]) -> tuple[list[_Found], datetime]:
    """All versions of our objects there, delete markers too, and the store's clock."""
    found: list[_Found] = []
    pages = ledger.store.client.get_paginator("list_object_versions")
    with storage("listing what may be cleaned up"):
        for page in pages.paginate(Bucket=ledger.store.bucket, Prefix=ledger.key(below)):
            now = store_time(page)
            for each in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                if name := ours.fullmatch(each["Key"][len(ledger.key("")) :]):
                    found.append(_Found(each["Key"], name[1], each["LastModified"], each["VersionId"]))
    return found, now


def _uploads(ledger: Ledger, older_than: timedelta) -> Iterator[Leftover]:
    """Our unfinished uploads of that age or more."""
    pages = ledger.store.client.get_paginator("list_multipart_uploads")
    with storage("listing unfinished uploads"):
        for page in pages.paginate(Bucket=ledger.store.bucket, Prefix=ledger.key("hosted", "")):
            for each in page.get("Uploads", []):
                name = _HOSTED.fullmatch(each["Key"][len(ledger.key("")) :])
                if name and store_time(page) - each["Initiated"] >= older_than:
                    yield Leftover(
                        "upload", each["Key"], name[1], "it is old and unfinished", each["UploadId"]
                    )
