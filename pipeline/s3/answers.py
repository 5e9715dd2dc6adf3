"""What a store's refusal says: one reading for all who ask a store; what to do about it is in `advice`.

A refusal is S3's XML with a code in it, or it is not S3 that answered. Its message and the rest of the body
are read for what they mean and never repeated: they hold keys, signatures and whatever a proxy put there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.errors import Advice
from pipeline.s3.advice import CLOCK, CODES, ENDED, KEY_SERVICE, NOT_S3, REQUESTER_PAYS, advice

_ELSEWHERE = ("PermanentRedirect", "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError",
              "IllegalLocationConstraintException")  # fmt: skip
# What S3's message adds to its code, in lower case: AccessDenied alone stands for half a dozen causes.
_MESSAGES: tuple[tuple[str, Advice], ...] = (
    (r"requester.?pays", REQUESTER_PAYS),
    (r"kms|key management", KEY_SERVICE),
    (r"not (yet valid|valid yet|yet current)", CLOCK),
    (r"token.* expired|expired.* token", ENDED),
)


@dataclass(frozen=True)
class Refusal:
    """A refusal as far as it may be repeated: HTTP status, S3's code ("" for none), the bucket's region.

    `expired` is read off S3's message (a URL whose time is over), `meaning` what else the message adds.
    """

    status: int
    code: str = ""
    region: str = ""
    expired: bool = False
    meaning: Advice | None = None

    def __str__(self) -> str:
        where = f" (the bucket is in {self.region})" if self.moved else ""
        return f"HTTP {self.status} {self.code}".rstrip() + where

    @property
    def moved(self) -> bool:
        """Whether the refusal tells of another region."""
        return bool(self.region) and (
            self.status in (301, 307) or (self.status == 400 and self.code in ("", *_ELSEWHERE))
        )

    @property
    def hint(self) -> str:
        """What to do next."""
        if self.moved:
            return f"Write `region: {self.region}` under stage:, or leave stage.region out."
        if self.meaning:
            return str(self.meaning)
        if not self.code and str(self.status) not in CODES:
            return str(NOT_S3)
        return advice(self.code or str(self.status))


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """What this answer, which was no success, says; `headers` are looked up in any case."""
    region = headers.get("x-amz-bucket-region") or _element(body, b"Region")
    return understood(status, _element(body, b"Code"), _element(body, b"Message"), region)


def understood(status: int, code: str, message: str, region: str = "") -> Refusal:
    """The refusal with that status and code; of the message only its meaning is in it."""
    words = message.lower()
    meaning = next((means for pattern, means in _MESSAGES if re.search(pattern, words)), None)
    return Refusal(status, code, region, expired="request has expired" in words, meaning=meaning)


def redirected_to(location: str) -> str:
    """The server that a redirect leads to, without path and query: these may hold secrets."""
    parts = urlsplit(location)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "an address of its own"


def _element(body: bytes, name: bytes) -> str:
    pattern = rb"[^<]{1,500}" if name == b"Message" else rb"[A-Za-z0-9.-]{1,60}"
    found = re.search(rb"<" + name + rb">(" + pattern + rb")</" + name + rb">", body[:16384])
    return found[1].decode("utf-8", "replace") if found else ""
