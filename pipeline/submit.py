"""Step 4: a hosted file -> a job at the bulk-upload API.

The API answers 200 to nearly everything, so an answer is a success only when it is HTTP 200 and a JSON
object with `result` "Success" and a `requestid`. All else is told apart by one question: may the API have
taken the job? Surely not: `SubmitUnavailable`. It said no: `SubmitRefused`. Nobody knows: `SubmitUnknown`,
and then nothing is ever sent again by itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pipeline.config import Config
from pipeline.errors import ConfigError, SubmitError, SubmitRefused, SubmitUnavailable, SubmitUnknown
from pipeline.handoffs import Job
from pipeline.wire import redact, session, within

if TYPE_CHECKING:
    import requests

# The data centres, from the page "Add Bulk Contact through File Upload".
BASE_URLS = {
    "us": "https://api.netcoresmartech.com/apiv2",
    "india": "https://apiin.netcoresmartech.com/apiv2",
    "eu": "https://jsonapi.eu-north-1.eu.netcoresmartech.com/apiv2",
}
CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 10, 60, 120
MAX_ANSWER = 1 << 16

LOOK_FIRST = (
    "Do not run it again yet: look in the platform's panel, or wait for its e-mail, whether the job is there."
)
_VALUES = re.compile(r"https?(?:://|%3A)\S+|\S+@\S+|\+?[0-9][0-9 ().-]{5,}[0-9]|[A-Za-z0-9+/_=%-]{24,}")
# OpenSSL's reasons that can only come before the request is written.
_NO_HANDSHAKE = re.compile(
    r"CERTIFICATE_VERIFY_FAILED|WRONG_VERSION_NUMBER|HTTP_REQUEST|UNSUPPORTED_PROTOCOL|HANDSHAKE_FAILURE"
)
_AGAIN = "Nothing was sent: check the network and submit.base_url, then run again."


@dataclass(frozen=True)
class Request:
    """One call of the API, in the wire format of its documentation; printing it shows no secret."""

    url: str
    query: dict[str, str] = field(repr=False)
    form: dict[str, str] = field(repr=False)

    def __str__(self) -> str:
        form = self.form | {k: _masked_tail(v) for k, v in self.form.items() if k == "callback"}
        body = "\n  ".join(f"{key}={redact(value)}" for key, value in form.items())
        return f"POST {redact(self.url + '?' + urlencode(self.query))}\n  {body}"


def _masked_tail(url: str) -> str:
    """The callback's URL without its last part, which is a secret."""
    head, slash, _ = url.rpartition("/")
    return f"{head}/***" if slash else url


def build(config: Config, path: str, callback: str | None) -> Request:
    """The request that asks for the file at `path` to be loaded; ConfigError where the key is not usable."""
    submit = config.submit
    form = {"path": path}
    if submit.listid is not None:
        form["listid"] = str(submit.listid)
    if submit.notifyemail:
        form["notifyemail"] = submit.notifyemail
    if callback:
        form["callback"] = callback
    query = {"type": "contact", "activity": "bulkupload", "apikey": _api_key(config)}
    return Request(submit.base_url or BASE_URLS[submit.idc], query, form)


def _api_key(config: Config) -> str:
    if config.submit.api_key_file:
        file = config.path(config.submit.api_key_file)
        try:
            key = file.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigError(
                f"submit.api_key_file cannot be read: {file}", hint="It holds the key and nothing else."
            ) from None
    else:
        key = config.submit.api_key.get_secret_value().strip() if config.submit.api_key else ""
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise ConfigError(
            "The API key is empty or holds blanks or other characters that no key has.",
            hint="Check the variable or file that submit.api_key or submit.api_key_file names.",
        )
    return key


def submit(request: Request) -> Job:
    """The accepted job; else SubmitRefused, SubmitUnavailable or SubmitUnknown.

    Whatever stops this process while the API is asked, Ctrl-C above all: the outcome is not known.
    """
    import requests

    try:
        status, body = within(TOTAL_SECONDS, lambda: _ask(request))
    except TimeoutError:
        raise SubmitUnknown(
            "The API's answer did not come to its end in time: it may have taken the job.", hint=LOOK_FIRST
        ) from None
    except requests.RequestException as error:
        raise _unanswered(error) from None
    except BaseException as stop:  # noqa: BLE001 - nothing else is of use to the caller now
        raise SubmitUnknown(
            f"Stopped ({type(stop).__name__}) while the API was asked: it may have taken the job.",
            hint=LOOK_FIRST,
        ) from None
    return _read(request, status, body)


def _ask(request: Request) -> tuple[int, bytes]:
    """The answer's status and, where it is 200, its body, bounded in length."""
    with (
        session(request.url) as wire,
        wire.post(
            request.url,
            params=request.query,
            data=request.form,
            headers={"Accept": "application/json"},
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as answer,
    ):
        body = bytearray()
        for chunk in answer.iter_content(1024) if answer.status_code == 200 else ():
            body += chunk
            if len(body) > MAX_ANSWER:
                break
        return answer.status_code, bytes(body)


def _read(request: Request, status: int, body: bytes) -> Job:
    """The job that an answer speaks of. The status is looked at first, the body only where it is 200."""
    if status == 429:
        raise SubmitUnavailable(
            "The API takes no more requests for now (HTTP 429).", hint="Nothing was taken: run again later."
        )
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
            f"The API refused the job: {_said(request, result)}.",
            hint="The hosted file is removed again; mend the cause, then run again.",
        )
    raise SubmitUnknown(
        "The API answered HTTP 200 with a body that says neither yes nor no.", hint=LOOK_FIRST
    )


def _text(requestid: object) -> str:
    return str(requestid).strip() if type(requestid) in (str, int) else ""


def _said(request: Request, text: str) -> str:
    """The API's own words, on one short line and with what looks like a secret or a contact masked."""
    text = redact(text.replace(request.query["apikey"], "***"))
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _VALUES.sub("***", line)[:200].rstrip(".") or "no reason given"


def _unanswered(error: requests.RequestException) -> SubmitError:
    """What an exception of the wire means: whether the request can have left this machine."""
    import requests
    from urllib3 import exceptions as u3

    cause: Any = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    unsent = isinstance(
        reason, (u3.NewConnectionError, u3.ConnectTimeoutError, u3.NameResolutionError, u3.ProxyError)
    ) or isinstance(error, (requests.ConnectTimeout, requests.exceptions.InvalidURL))
    if unsent:
        return SubmitUnavailable("The API could not be reached.", hint=_AGAIN)
    if isinstance(error, requests.exceptions.SSLError) and _NO_HANDSHAKE.search(str(reason)):
        return SubmitUnavailable(
            "No trusted TLS connection to the API could be made, so nothing was sent.",
            hint="Check submit.base_url; behind a company proxy set REQUESTS_CA_BUNDLE.",
        )
    what = "did not answer in time" if isinstance(error, requests.Timeout) else "broke the connection off"
    return SubmitUnknown(f"The API {what}: it may have taken the job.", hint=LOOK_FIRST)
