"""How a multipart upload begins and, where nothing comes of it, ends; its parts are stage.py's business."""

from __future__ import annotations

import time
from typing import Any

from pipeline.errors import StageError
from pipeline.s3 import objects
from pipeline.s3.checksums import CRC32, MD5, Checksum
from pipeline.s3.client import Store, storage

_NO_CHECKSUMS = ("NotImplemented", "InvalidArgument", "InvalidRequest")  # said by stores that know of none
_GONE = ("NoSuchUpload", "NoSuchKey", "404")  # what stores say of an upload that is no more


def begin(store: Store, key: str) -> tuple[str, Checksum]:
    """The id of an upload to that key, and how the store will verify its parts. Raises StageError."""
    from botocore.exceptions import ClientError

    with storage(f"starting the upload to bucket {store.bucket}"):
        try:
            made = _created(store, key, ChecksumAlgorithm="CRC32")
            if made.get("ChecksumAlgorithm", "").upper() == "CRC32":
                return made["UploadId"], CRC32
            # Without a word of it, nobody knows whether the store will insist on a CRC32 of each part.
            abandon(store, key, made["UploadId"])
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _NO_CHECKSUMS:
                raise
        return _created(store, key)["UploadId"], MD5


def _created(store: Store, key: str, **wish: Any) -> Any:
    made = store.client.create_multipart_upload(
        Bucket=store.bucket, Key=key, **objects.settings(store.config), **wish
    )
    if not made.get("UploadId"):
        raise StageError("What answers there is no S3 store.", hint="Check stage.endpoint_url.")
    try:
        objects.check_encryption(store.config, made.get("ServerSideEncryption"))
    except StageError:
        abandon(store, key, made["UploadId"])
        raise
    return made


def abandon(store: Store, key: str, upload: str) -> None:
    """Nothing: the upload is ended, and no part of it is left. Raises StageError.

    Whoever sends its parts must have stopped.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    where: Any = {"Bucket": store.bucket, "Key": key, "UploadId": upload}
    with storage("removing an unfinished upload"):
        for pause in (1, 5, 10, None):
            try:
                store.client.abort_multipart_upload(**where)
                if not store.client.list_parts(**where).get("Parts"):
                    return
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code")
                if code in _GONE:
                    return
                if code != "AccessDenied" or error.operation_name != "ListParts" or pause is None:
                    raise  # not what Ceph says to others than the owner: then a second abort tells
            except BotoCoreError:  # the store may be down for a while, and that be why we are here
                if pause is None:
                    raise
                time.sleep(pause)
    raise StageError("Parts of an unfinished upload stayed.", hint="Abort it with the store's own tools.")
