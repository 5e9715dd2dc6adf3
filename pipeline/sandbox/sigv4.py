"""AWS Signature Version 4, from the server's side: who signed this request, and does it hold?

moto takes every request, signed or not. `verify` is what makes a tampered or expired URL fail in the
sandbox as it would at AWS: same status, same error code. The signature itself is computed by botocore's own
classes; the path is decoded once and encoded again, nothing else is normalised.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, cast
from urllib.parse import quote, unquote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
WEEK = 604_800
SKEW = timedelta(minutes=15)
UNSIGNED = "UNSIGNED-PAYLOAD"
QUERY_PARAMETERS = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Keys:
    """The one pair of credentials a store knows, and the region it says it is in."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str


@dataclass(frozen=True)
class Request:
    """A request as it stood on the wire: `path` and `query` still encoded, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def parameters(self) -> Pairs:
        """The query, decoded, in the order it was sent."""
        pieces = (piece.partition("=") for piece in self.query.split("&") if piece)
        return [(_decode(name), _decode(value)) for name, _, value in pieces]


class Refused(Exception):
    """An S3 error answer: its HTTP status, AWS's code for it and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Claim:
    """What a request says about its own signature."""

    credential: str
    signed_headers: tuple[str, ...]
    signature: str
    moment: datetime
    payload: str
    in_query: bool


def verify(request: Request, keys: Keys, now: datetime) -> bool:
    """True where the request is rightly signed, False where it carries no signature at all.

    Raises Refused, with the status and code that AWS gives, where a signature is there and does not hold.
    """
    names = {name for name, _ in request.parameters}
    authorization = request.headers.get("authorization", "")
    in_query = any(name.startswith("X-Amz-") and name[6:] in QUERY_PARAMETERS for name in names)
    if authorization and in_query:
        raise Refused(400, "InvalidArgument", "Only one auth mechanism allowed")
    if (authorization and not authorization.startswith(ALGORITHM + " ")) or "AWSAccessKeyId" in names:
        message = f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}."
        raise Refused(400, "InvalidRequest", message)
    if not authorization and not in_query:
        return False
    claim = _query_claim(request, now) if in_query else _header_claim(request, now)
    _check_credential(claim, keys)
    if "x-amz-security-token" in request.headers or "X-Amz-Security-Token" in names:
        raise Refused(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    _check_coverage(request, claim)
    if not hmac.compare_digest(_signature(request, claim, keys).encode(), claim.signature.encode()):
        message = "The request signature we calculated does not match the signature you provided."
        raise Refused(403, "SignatureDoesNotMatch", message)
    _check_payload(request, claim)
    return True


def _header_claim(request: Request, now: datetime) -> Claim:
    fields = dict(re.findall(r"(\w+)=([^,\s]+)", request.headers["authorization"][len(ALGORITHM) :]))
    if set(fields) != {"Credential", "SignedHeaders", "Signature"}:
        _malformed(
            "The authorization header requires three components: Credential, SignedHeaders, Signature."
        )
    payload = request.headers.get("x-amz-content-sha256")
    if payload is None:
        raise Refused(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    stamp = request.headers.get("x-amz-date") or request.headers.get("date", "")
    moment = _moment(stamp)
    if moment is None:
        raise Refused(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    if abs(now - moment) > SKEW:
        message = "The difference between the request time and the current time is too large."
        raise Refused(403, "RequestTimeTooSkewed", message)
    signed = tuple(fields["SignedHeaders"].split(";"))
    return Claim(fields["Credential"], signed, fields["Signature"], moment, payload, in_query=False)


def _query_claim(request: Request, now: datetime) -> Claim:
    found = [(name[6:], value) for name, value in request.parameters if name.startswith("X-Amz-")]
    fields = {name: value for name, value in found if name in QUERY_PARAMETERS}
    if sorted(name for name, _ in found if name in fields) != sorted(QUERY_PARAMETERS):
        names = ", ".join(f"X-Amz-{name}" for name in QUERY_PARAMETERS)
        _bad_query(f"Query-string authentication version 4 requires the {names} parameters, each once.")
    if fields["Algorithm"] != ALGORITHM:
        _bad_query(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    if not re.fullmatch(r"[0-9]{1,9}", fields["Expires"]):
        _bad_query("X-Amz-Expires should be a number and non-negative")
    expires = int(fields["Expires"])
    if not 1 <= expires <= WEEK:
        _bad_query(f"X-Amz-Expires must be between 1 and {WEEK} seconds, one week")
    moment = _moment(fields["Date"])
    if moment is None:
        _bad_query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    if moment > now + SKEW:
        raise Refused(403, "AccessDenied", "Request is not valid yet")
    if now >= moment + timedelta(seconds=expires):
        raise Refused(403, "AccessDenied", "Request has expired")
    signed = tuple(fields["SignedHeaders"].split(";"))
    # A payload hash counts only where it is signed itself; a plain presigned URL says nothing of the body.
    covered = "x-amz-content-sha256" in signed
    payload = request.headers.get("x-amz-content-sha256", UNSIGNED) if covered else UNSIGNED
    return Claim(fields["Credential"], signed, fields["Signature"], moment, payload, in_query=True)


def _check_credential(claim: Claim, keys: Keys) -> None:
    access_key, _, scope = claim.credential.rpartition("/aws4_request")[0].partition("/")
    bad = _bad_query if claim.in_query else _malformed
    date, _, rest = scope.partition("/")
    region, _, service = rest.partition("/")
    if not claim.credential.endswith("/aws4_request") or service != "s3":
        bad("The Credential is mal-formed; expecting ACCESS-KEY/YYYYMMDD/REGION/s3/aws4_request.")
    if not hmac.compare_digest(access_key.encode(), keys.access_key.encode()):
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise Refused(403, "InvalidAccessKeyId", message)
    if date != f"{claim.moment:%Y%m%d}":
        bad("The date of the Credential is not that of the request.")
    if region != keys.region:
        bad(f"The region of the Credential is wrong; expecting '{keys.region}'.")


def _check_coverage(request: Request, claim: Claim) -> None:
    """Host and every x-amz header must be signed, and every signed header must be there."""
    must = {name for name in request.headers if name.startswith("x-amz-")} - {"x-amz-content-sha256"}
    if not must | {"host"} <= set(claim.signed_headers):
        message = "There were headers present in the request which were not signed"
        raise Refused(403, "AccessDenied", message)
    if not set(claim.signed_headers) <= set(request.headers):
        message = "The request signature we calculated does not match: a signed header is missing."
        raise Refused(403, "SignatureDoesNotMatch", message)


def _check_payload(request: Request, claim: Claim) -> None:
    if claim.payload == UNSIGNED or claim.payload.startswith("STREAMING-"):
        return
    if hashlib.sha256(request.body).hexdigest() != claim.payload:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise Refused(400, "XAmzContentSHA256Mismatch", message)


def _signature(request: Request, claim: Claim, keys: Keys) -> str:
    """The signature the request must carry, in hex, as botocore makes it."""
    from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    way = S3SigV4QueryAuth if claim.in_query else S3SigV4Auth
    signer = way(Credentials(keys.access_key, keys.secret_key), "s3", keys.region)
    pairs = (pair.partition("=") for pair in request.query.split("&") if pair)
    named = [(unquote(name), unquote(value)) for name, _, value in pairs]
    asked = AWSRequest(
        method=request.method,
        url=f"http://{request.headers['host']}{quote(unquote_to_bytes(request.path), safe='/-_.~')}",
        headers={name: request.headers[name] for name in claim.signed_headers},
        params=cast("Any", [pair for pair in named if not claim.in_query or pair[0] != "X-Amz-Signature"]),
        data=request.body,
    )
    asked.context["timestamp"] = f"{claim.moment:%Y%m%dT%H%M%SZ}"
    text = signer.string_to_sign(asked, signer.canonical_request(asked))
    return str(signer.signature(text, asked))


def _moment(stamp: str) -> datetime | None:
    """A request's own time, ISO basic or (header only) RFC 1123; None where it is neither."""
    try:
        if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", stamp):
            return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        moment = parsedate_to_datetime(stamp)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def _decode(text: str) -> str:
    return unquote_to_bytes(text.encode("latin-1")).decode("latin-1")


def _malformed(message: str) -> NoReturn:
    raise Refused(400, "AuthorizationHeaderMalformed", message)


def _bad_query(message: str) -> NoReturn:
    raise Refused(400, "AuthorizationQueryParametersError", message)
