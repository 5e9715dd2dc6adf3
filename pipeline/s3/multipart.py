"""One multipart upload: it is begun, its parts are put by signed URLs, it is completed or abandoned.

`put_part` needs neither a client nor credentials, so it can run on any worker; all else is the driver's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from pipeline.errors import StageError
from pipeline.handoffs import Fingerprint
from pipeline.s3 import objects
from pipeline.s3.advice import CERTIFICATE
from pipeline.s3.answers import redirected_to, refusal
from pipeline.s3.checksums import encoded_crc32, encoded_md5
from pipeline.s3.client import Store
from pipeline.s3.failures import storage
from pipeline.wire import session

if TYPE_CHECKING:
    import requests

SIGNED_FOR = 3600
TIMEOUT = (10, 60)
_NO_CHECKSUMS = ("NotImplemented", "InvalidArgument", "InvalidRequest")  # said by stores that know of none
_DAMAGED = ("BadDigest", "IncompleteBody", "RequestTimeout")  # on the way: HTTP 400, and worth another try
_GONE = ("NoSuchUpload", "NoSuchKey", "404")  # what stores say of an upload that is no more


class PartLostError(Exception):
    """A part did not arrive, and may the next time."""


@dataclass(frozen=True)
class Begun:
    """An upload under way.

    `crc32` is what the store agreed to verify by CRC-32: the `whole` object and each part, its `parts` alone
    (as stores older than S3's full-object checksums), or nothing: then each part carries its MD5.
    """

    store: Store
    key: str
    upload_id: str
    crc32: Literal["whole", "parts", ""]

    @property
    def where(self) -> Any:
        """How boto3 is told which upload is meant."""
        return {"Bucket": self.store.bucket, "Key": self.key, "UploadId": self.upload_id}

    def checksum(self, part: Fingerprint, pieces: Iterable[memoryview]) -> dict[str, str]:
        """The header by which the store verifies a part."""
        if self.crc32:
            return {"x-amz-checksum-crc32": encoded_crc32(part.crc32)}
        return {"Content-MD5": encoded_md5(pieces)}

    def part_url(self, number: int, checksum: Mapping[str, str]) -> str:
        """The URL that takes this part with this checksum, and nothing else."""
        parameter = "ChecksumCRC32" if self.crc32 else "ContentMD5"
        signed = dict.fromkeys([parameter], *checksum.values())
        with storage(f"signing part {number}"):
            return self.store.client.generate_presigned_url(
                "upload_part", Params={**self.where, "PartNumber": number, **signed}, ExpiresIn=SIGNED_FOR
            )


def begin(store: Store, key: str, *, signed_ahead: bool = False) -> Begun:
    """An upload to that key. Raises StageError.

    Where parts are `signed_ahead`, before their content is known, each carries its MD5, in a header that need
    not be signed: S3 takes none of its own headers (x-amz-) that is not.
    """
    from botocore.exceptions import ClientError

    with storage(f"starting the upload to bucket {store.bucket}"):
        if signed_ahead:
            return Begun(store, key, _created(store, key)["UploadId"], "")
        try:
            answer = _created(store, key, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
            is_whole = answer.get("ChecksumType") == "FULL_OBJECT"
            begun = Begun(store, key, answer["UploadId"], "whole" if is_whole else "parts")
            if answer.get("ChecksumAlgorithm", "").upper() == "CRC32":
                return begun
            # Without a word of it, nobody knows whether the store will insist on a CRC32 of each part.
            abandon(begun)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _NO_CHECKSUMS:
                raise
        return Begun(store, key, _created(store, key)["UploadId"], "")


def _created(store: Store, key: str, **wish: Any) -> Any:
    answer: Any = store.client.create_multipart_upload(
        Bucket=store.bucket, Key=key, **objects.settings(store.config), **wish
    )
    if not answer.get("UploadId"):
        raise StageError("What answers there is not an S3 store.", hint="Check stage.endpoint_url.")
    try:
        objects.check_encryption(store.config, answer.get("ServerSideEncryption"))
    except StageError:
        abandon(Begun(store, key, answer["UploadId"], ""))
        raise
    return answer


class _Pieces:
    """A part in pieces, which are sent one after the other: put together they would be there twice."""

    def __init__(self, pieces: Sequence[memoryview]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Any:
        return iter(self._pieces)

    def __len__(self) -> int:
        return sum(map(len, self._pieces))


def put_part(
    url: str,
    checksum: Mapping[str, str],
    pieces: Sequence[memoryview],
    wire: requests.Session | None = None,
) -> str:
    """The ETag of a part that was put by its signed URL, with the header `checksum` for the store to verify.

    `wire` is a session to use again. Raises PartLostError where the next try may succeed, else StageError.
    """
    import requests

    body = _Pieces(pieces)
    with nullcontext(wire) if wire else session(url) as used:
        try:
            answer = used.put(
                url,
                data=cast("Iterable[bytes]", body) if len(body) else b"",
                headers=dict(checksum),
                timeout=TIMEOUT,
                allow_redirects=False,
            )
        except requests.exceptions.SSLError:
            raise StageError("No trusted TLS connection to the store.", hint=str(CERTIFICATE)) from None
        except requests.RequestException as error:
            raise PartLostError(type(error).__name__) from None
    if answer.status_code == 200 and answer.headers.get("ETag"):
        return str(answer.headers["ETag"])
    refused = refusal(answer.status_code, answer.headers, answer.content)
    if refused.status >= 500 or refused.status in (408, 429) or refused.code in _DAMAGED:
        raise PartLostError(str(refused))
    if answer.is_redirect:
        to = redirected_to(answer.headers["location"])
        raise StageError(
            f"The store redirects a part to {to} ({refused}).",
            hint="Set stage.endpoint_url to the store itself.",
        )
    raise StageError(f"The store refused a part: {refused}.", hint=refused.hint)


def complete(begun: Begun, etags: Mapping[int, tuple[str, Fingerprint]], whole: Fingerprint) -> None:
    """Make the object appear, of these parts by number. Raises StageError unless it is what was sent.

    Where the store keeps the whole object's CRC-32, its answer has to hold it.
    """
    parts: list[dict[str, Any]] = [
        {"PartNumber": number, "ETag": etag}
        | ({"ChecksumCRC32": encoded_crc32(part.crc32)} if begun.crc32 else {})
        for number, (etag, part) in sorted(etags.items())
    ]
    value = encoded_crc32(whole.crc32)
    keeps_whole = begun.crc32 == "whole"
    more: Any = {"ChecksumCRC32": value, "ChecksumType": "FULL_OBJECT"} if keeps_whole else {}
    try:
        with storage("completing the upload"):
            answer = begun.store.client.complete_multipart_upload(
                **begun.where, MultipartUpload={"Parts": cast("Any", parts)}, **more
            )
            stored = answer.get("ChecksumCRC32") or None
    except StageError:
        if not _is_there(begun, whole):
            with suppress(StageError):  # one that is still under way finds no upload any more
                abandon(begun)
            if not _is_there(begun, whole):
                raise
        return
    if keeps_whole and stored != value and not _is_there(begun, whole):
        raise StageError(
            "The store put together other bytes than were sent.",
            hint="Run again; if it stays so, something between here and the store changes what it passes on.",
        )


def _is_there(begun: Begun, whole: Fingerprint) -> bool:
    """Whether the whole object is there: by length and, where the store keeps one, by its CRC-32."""
    keeps_whole = begun.crc32 == "whole"
    asked: Any = {"ChecksumMode": "ENABLED"} if keeps_whole else {}
    try:
        with storage("looking for the completed file"):
            found = begun.store.client.head_object(Bucket=begun.store.bucket, Key=begun.key, **asked)
    except StageError:
        return False
    is_same = not keeps_whole or found.get("ChecksumCRC32") == encoded_crc32(whole.crc32)
    return found["ContentLength"] == whole.bytes and is_same


def abandon(begun: Begun, *, hurried: bool = False) -> None:
    """End the upload, and make sure that no part of it is left. Raises StageError.

    Whoever sends its parts must have stopped. `hurried` asks once, with time-outs of seconds.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    client = begun.store.hurried if hurried else begun.store.client
    with storage("removing an unfinished upload"):
        for pause in (0.5, None) if hurried else (1, 5, 10, None):
            try:
                client.abort_multipart_upload(**begun.where)
                if not client.list_parts(**begun.where).get("Parts"):
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
