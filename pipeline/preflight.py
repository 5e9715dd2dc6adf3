"""Before the API is told of a URL: is it one that the platform can fetch, and nobody else can misuse?

`prepare` asks what can be known before anything is uploaded; `check` fetches the beginning of the hosted
file by the exact URL, as a stranger: no credentials, no redirects. What is read must be what was staged; in
the mode `allowlisted` this machine is a stranger too and has to be refused.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from pipeline import urls
from pipeline.config import Config
from pipeline.config.addresses import is_loopback
from pipeline.errors import StageError
from pipeline.handoffs import Link, Step
from pipeline.result import HostedFile
from pipeline.s3.advice import CERTIFICATE
from pipeline.s3.answers import Refusal, refusal
from pipeline.s3.client import Store
from pipeline.wire import retried, within

if TYPE_CHECKING:
    import requests

TIMEOUT, TOTAL_SECONDS = (5, 15), 30
MAX_REFUSAL = 16384
HEAD_BYTES = 1024
SHORT_SECONDS, REAL_SHORT_SECONDS = 900, 6 * 3600
_INSIDE = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".intranet", ".corp", ".svc")


@dataclass(frozen=True)
class _Seen:
    """What came back: the status, the file's whole length if told, its first bytes or the refusal."""

    status: int
    length: int | None
    head: bytes = field(repr=False)
    kind: str
    refused: Refusal | None


class _Transient(Exception):
    """No answer, or one that may be another the next time."""


def prepare(config: Config, store: Store, until: Step) -> None:
    """Raise StageError where it is plain already that the URL would be of no use, or of use to others."""
    mode = urls.MODES[config.stage.url]
    mode.check(store, config)
    url = mode.link(store, store.key("preflight.csv")).url.get_secret_value()
    if until in ("submit", "track") and _is_real(config) and (why := unreachable(url)):
        raise StageError(
            f"The platform cannot reach {urlsplit(url).hostname}: {why}.",
            hint="Set stage.public_endpoint_url to the store's address as the world sees it.",
        )


def doubts(config: Config, link: Link) -> list[str]:
    """Sentences about a URL that may die before the platform has fetched the file."""
    stage = config.stage
    if stage.url != "presigned":
        return []
    life = float(stage.expires_in)
    if link.expires_at:
        end = datetime.fromisoformat(link.expires_at)
        life = min(life, (end - datetime.now(UTC)).total_seconds() + 60)  # it was signed a moment ago
    if life < (REAL_SHORT_SECONDS if _is_real(config) else SHORT_SECONDS):
        why = "stage.expires_in" if life == stage.expires_in else "the AWS credentials end sooner"
        lives = f"The URL lives for {_words(life)} ({why})"
        return [f"{lives}, and the platform fetches the file when it gets to the job: 12h is a good value."]
    if link.expires_at is None:
        return ["The AWS credentials are temporary and do not say when they end: the URL dies with them."]
    return []


def _is_real(config: Config) -> bool:
    """Whether the API is not on this machine."""
    return not (config.submit.base_url and is_loopback(config.submit.base_url))


def _words(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds:.0f} s"


def unreachable(url: str) -> str:
    """Why no machine elsewhere can reach the URL's host, "" if it may be able to; no DNS is asked."""
    host = (urlsplit(url).hostname or "").rstrip(".").split("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))  # 127.1, 0x7f000001
        except OSError:
            if "." not in host:
                return "a name without a dot is known in its own network only"
            return f"names in {host[host.rindex('.') :]} are not public" if host.endswith(_INSIDE) else ""
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return "it is this machine's own address"
    return "" if address.is_global and not address.is_multicast else "it is a private address"


def check(config: Config, store: Store, hosted: HostedFile, url: SecretStr) -> None:
    """Raise StageError, which says which way, unless the URL shows this file to whom it should."""
    where = f"The hosted file's URL (at {urlsplit(url.get_secret_value()).netloc})"
    seen = _look(store, hosted, url, where)
    mode = urls.MODES[config.stage.url]
    if mode.READABLE_HERE:
        _compare(seen, hosted, where)
    else:
        _expect_refusal(seen, where)
        mode.check(store, config)
        ours = SecretStr(store.signed(hosted.key))
        by = "The hosted file, fetched by our own signature,"
        _compare(_look(store, hosted, ours, where), hosted, by)


def _look(store: Store, hosted: HostedFile, url: SecretStr, where: str) -> _Seen:
    """What comes back for the beginning of the file. Raises StageError where nothing does, after retries."""
    wanted = min(hosted.bytes, HEAD_BYTES)
    try:
        return retried(lambda: _look_once(store, url, wanted, where), _Transient, stop=threading.Event())
    except _Transient as error:
        raise StageError(
            f"{where} cannot be fetched: {error}.",
            hint="Check stage.public_endpoint_url or stage.public_base_url, and run again.",
        ) from None


def _look_once(store: Store, url: SecretStr, wanted: int, where: str) -> _Seen:
    """What an anonymous ranged GET brings; a HEAD would not do, the signature is for GET."""
    import requests

    def fetch() -> _Seen:
        headers = {"Range": f"bytes=0-{wanted - 1}", "Accept-Encoding": "identity"}
        plain = url.get_secret_value()
        with (
            store.wire(plain) as wire,
            wire.get(plain, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer,
        ):
            return _seen(answer, wanted)

    try:
        return within(TOTAL_SECONDS, fetch)
    except TimeoutError:
        raise _Transient("the answer did not come to its end in time") from None
    except requests.exceptions.SSLError:
        raise StageError(
            f"{where} has a certificate that is not trusted, or its host speaks no TLS.",
            hint="The platform trusts public authorities only; a name with dots in the bucket's part needs "
            f"`addressing: path`. {CERTIFICATE.fix}",
        ) from None
    except (requests.RequestException, OSError) as error:
        raise _Transient(f"{type(error).__name__}, no answer came") from None


def _seen(answer: requests.Response, wanted: int) -> _Seen:
    status, headers = answer.status_code, answer.headers
    if status >= 500 or status in (408, 429):
        raise _Transient(f"HTTP {status}")
    enough = wanted if status < 300 else MAX_REFUSAL
    body = b""
    for chunk in answer.iter_content(enough):
        body += chunk
        if len(body) >= enough:
            break
    total = (
        headers.get("Content-Range", "").rpartition("/")[2]
        if status == 206
        else headers.get("Content-Length")
    )
    length = int(total) if total and total.isdecimal() else None
    refused = refusal(status, headers, body) if status >= 300 else None
    return _Seen(status, length, body[:wanted], headers.get("Content-Type", ""), refused)


def _compare(seen: _Seen, hosted: HostedFile, where: str) -> None:
    """Raise StageError unless what came is the beginning of the file, and the whole is as long."""
    if seen.refused:
        raise _refused(seen.refused, where)
    if seen.status not in (200, 206):
        raise StageError(f"{where} answers HTTP {seen.status}.", hint="That is no file: check stage.url.")
    is_same = sha256(seen.head).hexdigest() == hosted.head_sha256
    if is_same and seen.length == hosted.bytes:
        return
    if not is_same and ("html" in seen.kind or seen.head.lstrip()[:1] == b"<"):
        raise StageError(
            f"{where} shows a web page and not the file: a login page, or another site.",
            hint="The platform would load that page: check stage.public_endpoint_url or public_base_url.",
        )
    if not is_same:
        raise StageError(
            f"{where} shows other bytes than were staged.",
            hint="Something on the way changes or exchanges the file: a CDN, a proxy, a cache.",
        )
    says = "does not say how long the file is" if seen.length is None else f"says {seen.length:,} bytes"
    raise StageError(
        f"{where} {says}; {hosted.bytes:,} were staged.",
        hint="Something on the way cuts or changes the file: a CDN, a proxy, a cache.",
    )


def _expect_refusal(seen: _Seen, where: str) -> None:
    """Raise StageError unless this machine, a stranger to an allow-list, was refused as by S3."""
    if seen.refused is None:
        raise StageError(
            f"{where} can be read from this machine, so perhaps by anybody: an allow-list is not at work.",
            hint="Look for what else opens the bucket (ACLs, a proxy), or whether this machine's address "
            "is in stage.allowed_addresses.",
        )
    if (seen.refused.status, seen.refused.code) != (403, "AccessDenied"):
        raise _refused(seen.refused, where)


_NOT_IT = "What answers there is not the store: check stage.public_endpoint_url or stage.public_base_url."
# What a refusal of the URL itself means, by S3's code; "" where it is none of S3's.
MEANINGS: dict[str, str] = {
    "AccessDenied": "Whoever signed the URL may not read (s3:GetObject), or a policy denies it; a URL "
    "without signature has to be allowed by the bucket's policy.",
    "SignatureDoesNotMatch": "The store is reached under another host name than the URL was signed for, or a "
    "proxy changes the request: set stage.public_endpoint_url to the name used outside.",
    "NoSuchKey": "The address leads to another bucket or folder: check stage.public_base_url.",
    "NoSuchBucket": "The address leads to another store: check stage.public_endpoint_url.",
    "": _NOT_IT,
}


def _refused(refused: Refusal, where: str) -> StageError:
    """The error for a refusal: which way, and what to do."""
    if refused.expired:
        hint = "It has expired already: check this machine's clock and stage.expires_in."
    elif refused.moved or refused.meaning:
        hint = refused.hint
    elif refused.status < 400:
        hint = "Redirects are not followed, neither here nor surely by the platform: name where it leads to."
    else:
        hint = MEANINGS.get(refused.code, refused.hint)
    return StageError(f"{where} is refused: {refused}.", hint=hint)
