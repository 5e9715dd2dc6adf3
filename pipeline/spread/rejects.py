"""Rejects in the bucket: of a frame on a cluster, an object for each partition that has some; of others, one.

    {prefix}rejects/{run_id}/000000    the header row; with `contract.rejects: s3`, the whole file
                             000001    the rejects of partition 0, and so on

Private as the ledger is, and offered as one file by `python -m pipeline rejects`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pipeline.config.file import load_config
from pipeline.errors import ConfigError, StageError
from pipeline.ledger.asking import AnyConfig
from pipeline.logs import log_of
from pipeline.private import PrivateFile
from pipeline.s3 import objects
from pipeline.s3.client import Store
from pipeline.s3.failures import storage
from pipeline.spread.addresses import Places, addresses
from pipeline.wire import hushed

_HEADERS = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


def folder(store: Store, run_id: str) -> str:
    """What the keys of a run's rejects begin with."""
    return f"{store.config.prefix}rejects/{run_id}/"


def where(store: Store, run_id: str) -> str:
    """Where a run's rejects lie, as the result names it."""
    return f"s3://{store.bucket}/{folder(store, run_id)}"


def begin(store: Store, run_id: str, head: bytes, partitions: Iterable[int], seconds: int) -> Places:
    """Where the rejects of each partition go, for so many seconds; the header row is put.

    Raises StageError.
    """
    settings: dict[str, Any] = objects.encryption(store.config)
    headers = {_HEADERS[name]: value for name, value in settings.items()}
    numbers = list(partitions)
    wanted = [
        {"Bucket": store.bucket, "Key": f"{folder(store, run_id)}{number + 1:06d}", **settings}
        for number in numbers
    ]
    found = addresses(store, "put_object", wanted, seconds)
    if found:
        _put_first(store, run_id, head)
    return {number: (address, headers) for number, address in zip(numbers, found, strict=True)}


def _put_first(store: Store, run_id: str, body: bytes | IO[bytes]) -> None:
    with storage("writing the rejects"):
        settings: dict[str, Any] = objects.encryption(store.config)
        key = f"{folder(store, run_id)}000000"
        store.client.put_object(Bucket=store.bucket, Key=key, Body=body, **settings)


def leave(store: Store, run_id: str, path: Path) -> str:
    """Where the rejects file lies now: in the bucket, or still at `path` if the store does not take it."""
    try:
        with path.open("rb") as file:
            _put_first(store, run_id, file)
    except StageError as error:
        log_of(run_id).warning("The rejects stay in %s: %s", path, error.message)
        return str(path)
    path.unlink()
    return where(store, run_id)


def remove(store: Store, run_id: str, places: Places) -> None:
    """Remove them, where they are not those of any frame; a lifecycle rule finds what stays."""
    for number in (-1, *places) if places else ():
        with suppress(StageError):
            store.remove(f"{folder(store, run_id)}{number + 1:06d}")


def fetch(run_id: str, path: Path, config: AnyConfig) -> int:
    """How many bytes of rejects were written to `path`, readable by its owner only.

    Raises ConfigError where there are none, StageError where the store fails.
    """
    settings = load_config(config)
    settings.require_sections("stage")
    size = 0
    with hushed(), PrivateFile(path) as file:
        for data in _all(Store(settings.stage), run_id):
            file.write(data)
            size += len(data)
        if not size:
            raise ConfigError(
                f"No rejects of run {run_id} are in the bucket.",
                hint="Frames on a cluster and runs with `contract.rejects: s3` leave theirs there, until "
                "track.keep_bodies is over; others write them to the folder contract.rejects.",
            )
        file.complete()
    return size


def _all(store: Store, run_id: str) -> Iterator[bytes]:
    pages = store.client.get_paginator("list_objects_v2")
    with storage("reading the rejects"):
        for page in pages.paginate(Bucket=store.bucket, Prefix=folder(store, run_id)):
            for found in page.get("Contents", []):
                body = store.client.get_object(Bucket=store.bucket, Key=found["Key"])["Body"]
                yield from body.iter_chunks(1 << 20)
