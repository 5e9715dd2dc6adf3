"""What the bulk-upload API's answer means, and what it means that none came.

The API answers 200 to nearly everything, so an answer is a success only when it is HTTP 200 and a JSON
object with `result` "Success" and a `requestid`. All else is told apart by one question: may the API have
taken the job? Surely not: `SubmitUnavailable`. It said no: `SubmitRefused`. Nobody knows: `SubmitUnknown`,
and then nothing is ever sent again by itself.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

from pipeline.errors import Advice, SubmitError, SubmitRefused, SubmitUnavailable, SubmitUnknown
from pipeline.handoffs import Job
from pipeline.wire import bundle_fault, ca_bundle, redact

MAX_ANSWER = 1 << 16
LOOK_FIRST = (
    "Do not run it again yet: look in the platform's panel, or wait for its e-mail, whether the job is there."
)
_VALUES = re.compile(r"https?(?:://|%3A)\S+|\S+@\S+|\+?[0-9][0-9 ().-]{5,}[0-9]|[A-Za-z0-9+/_=%-]{24,}")

# What kept a request from being sent, by the name of the exception.
UNSENT: dict[str, Advice] = {
    "SSLError": Advice(
        "No trusted TLS connection to the API could be made.",
        "Check submit.base_url. Behind a company proxy set REQUESTS_CA_BUNDLE to a file with its authority.",
    ),
    "ProxyError": Advice(
        "The proxy did not let the request through.",
        "Check HTTPS_PROXY and NO_PROXY, and that the proxy lets this machine reach the API.",
    ),
    "InvalidSchema": Advice(
        "The proxy speaks SOCKS, for which a package is missing.",
        "pip install 'requests[socks]', or set HTTPS_PROXY to a proxy that speaks HTTP.",
    ),
    "InvalidProxyURL": Advice(
        "The proxy's address is not an address.", "Write HTTPS_PROXY like http://proxy.example.com:3128."
    ),
    "TooLateError": Advice(
        "This machine paused or was too slow between claiming the job and asking the API.", "Run again."
    ),
    "ConnectionError": Advice(
        "The API could not be reached.", "Check the network and submit.base_url, then run again."
    ),
}


def accepted(status: int, headers: Mapping[str, str], body: bytes, *, secret: str) -> Job:
    """The job that an answer speaks of; raises a SubmitError where it speaks of none.

    The status is looked at first, the body only where it is 200. `secret` is the API key, never repeated.
    """
    if status == 429:
        raise _later(headers.get("Retry-After", ""))
    if 300 <= status < 400:
        raise SubmitRefused(
            f"The API's address redirects elsewhere (HTTP {status}), which is not followed.",
            hint="Check submit.idc and submit.base_url: the key is sent to the named host only.",
        )
    if 400 <= status < 500 and status != 408:
        raise SubmitRefused(
            f"The API refused the request with HTTP {status}.",
            hint="Check submit.idc, submit.base_url and the API key.",
        )
    if status != 200:
        raise SubmitUnknown(f"The API answered HTTP {status}: it may have taken the job.", hint=LOOK_FIRST)
    try:
        answer: Any = json.loads(body) if len(body) <= MAX_ANSWER else None
    except (ValueError, RecursionError):
        answer = None
    result, requestid = (
        (answer.get("result"), answer.get("requestid")) if isinstance(answer, dict) else (0, 0)
    )
    if result == "Success" and re.fullmatch(r"[\x21-\x7e]{1,200}", _text(requestid)):
        return Job(_text(requestid))
    if isinstance(result, str) and result.strip().lower() not in ("", "success") and not requestid:
        raise SubmitRefused(
            f"The API refused the job: {_said(result, secret)}.",
            hint="The hosted file is removed again; mend the cause, then run again.",
        )
    raise SubmitUnknown(
        "The API answered HTTP 200 with a body that says neither yes nor no.", hint=LOOK_FIRST
    )


def _text(requestid: object) -> str:
    return str(requestid).strip() if type(requestid) in (str, int) else ""


def _said(text: str, secret: str) -> str:
    """The API's own words, on one short line and with what looks like a secret or a contact masked."""
    text = redact(text.replace(secret, "***"))
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _VALUES.sub("***", line)[:200].rstrip(".") or "no reason given"


def _later(named: str) -> SubmitUnavailable:
    """The API's wish for fewer requests; `named` is its Retry-After: seconds, or a date of HTTP's."""
    seconds = int(named) if re.fullmatch(r"[0-9]{1,7}", named) else None
    with suppress(ValueError):
        moment = parsedate_to_datetime(named)
        seconds = max(0, round(moment.timestamp() - time.time()))
    when = "later" if seconds is None else f"in {seconds} s or later, as the API asks"
    error = SubmitUnavailable(
        "The API takes no more requests for now (HTTP 429).", hint=f"Nothing was taken: run again {when}."
    )
    error.retry_after = seconds
    return error


def unanswered(error: BaseException, *, unsent: bool) -> SubmitError:
    """The error for a request without an answer; `unsent`: none of it has left this machine."""
    import requests

    kind, stopped = type(error).__name__, not isinstance(error, Exception)
    if unsent:
        cause, fix = UNSENT.get(kind, UNSENT["ConnectionError"])
        if fault := bundle_fault(ca_bundle()):
            cause, fix = fault, UNSENT["SSLError"].fix
        if stopped:  # by a signal, whose name it is
            cause, fix = f"Stopped ({error or kind}) before the API was asked.", "Run again when you like."
        return SubmitUnavailable(f"{cause} Nothing was sent.", hint=fix)
    if stopped:
        what = f"Stopped ({error or kind}) while the API was asked"
    elif isinstance(error, (TimeoutError, requests.Timeout)):
        what = "The API's answer did not come to its end in time"
    else:
        what = "The API broke the connection off"
    unknown = SubmitUnknown(f"{what}: it may have taken the job.", hint=LOOK_FIRST)
    unknown.stopped = stopped
    return unknown
