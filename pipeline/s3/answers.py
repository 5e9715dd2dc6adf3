"""What a store's refusal says, and what to do about it: one reading and one table for all who ask a store.

A refusal is S3's XML with a code in it, or it is not S3 that answered. Its message and the rest of the body
are read for what they mean and never repeated: they hold keys, signatures and whatever a proxy put there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ELSEWHERE = "The bucket is in another region: set stage.region, or leave it out."
_HINTS = {
    "NoSuchBucket": "Check stage.bucket; buckets are not created for you.",
    "AccessDenied": "The credentials lack a permission: `python -m pipeline policy --permissions` names all.",
    "403": "The credentials lack a permission: `python -m pipeline policy --permissions` names all.",
    "InvalidAccessKeyId": "The store does not know this access key: check AWS_PROFILE or AWS_ACCESS_KEY_ID.",
    "SignatureDoesNotMatch": "The secret key does not belong to this access key.",
    "ExpiredToken": "The temporary credentials have ended: fetch new ones and run again.",
    "InvalidToken": "AWS_SESSION_TOKEN does not belong to this access key: fetch new credentials.",
    "RequestTimeTooSkewed": "This machine's clock is wrong: set it, then run again.",
    "PermanentRedirect": _ELSEWHERE,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "AuthorizationQueryParametersError": _ELSEWHERE,
    "IllegalLocationConstraintException": _ELSEWHERE,
    "TemporaryRedirect": "The bucket was made a moment ago: wait, or set stage.region.",
    "MalformedPolicy": "The policy as a whole is not taken: look at `python -m pipeline policy`.",
    "EntityTooLarge": "The file is larger than the store takes: split the source.",
    "QuotaExceeded": "The store is full.",
    "404": "Check stage.bucket and stage.endpoint_url.",
}
_KEY_SERVICE = (
    "The key service refused: check the key in stage.encryption, and kms:GenerateDataKey, kms:Decrypt."
)
AGAIN = "Nothing is visible in the bucket; run again, and if it stays so check the network and the store."


@dataclass(frozen=True)
class Refusal:
    """A refusal as far as it may be told: HTTP status, S3's code ("" where it is none), the bucket's region.

    `expired` and `about_keys` are read off S3's message: a URL whose time is over, a key service's no.
    """

    status: int
    code: str = ""
    region: str = ""
    expired: bool = False
    about_keys: bool = False

    def __str__(self) -> str:
        return f"HTTP {self.status} {self.code}".rstrip() + (
            f" (the bucket is in {self.region})" * self.moved
        )

    @property
    def moved(self) -> bool:
        """Whether the refusal tells of another region."""
        return bool(self.region) and (
            self.status in (301, 307) or (self.status == 400 and _HINTS.get(self.code) == _ELSEWHERE)
        )

    @property
    def hint(self) -> str:
        """What to do next."""
        if self.moved:
            return f"Write `region: {self.region}` under stage:, or leave stage.region out."
        if self.about_keys:
            return _KEY_SERVICE
        return hint(self.code or str(self.status))


def hint(code: str) -> str:
    """What to do about an error code of S3's."""
    return _KEY_SERVICE if code.startswith("KMS.") else _HINTS.get(code, AGAIN)


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """What this answer, which was no success, says; `headers` are looked up in any case."""
    message = _element(body, b"Message").lower()
    return Refusal(
        status,
        code=_element(body, b"Code"),
        region=headers.get("x-amz-bucket-region") or _element(body, b"Region"),
        expired="expired" in message,
        about_keys="kms" in message or "key management" in message,
    )


def _element(body: bytes, name: bytes) -> str:
    pattern = rb"[^<]{1,500}" if name == b"Message" else rb"[A-Za-z0-9.-]{1,60}"
    found = re.search(rb"<" + name + rb">(" + pattern + rb")</" + name + rb">", body[:16384])
    return found[1].decode("utf-8", "replace") if found else ""
