"""Step 4: a hosted file -> a job at the bulk-upload API: one POST in a run, whatever comes of it.

What an answer means, or that none came, is told in `answers`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from pipeline.answers import MAX_ANSWER, accepted, unanswered
from pipeline.config import Config
from pipeline.errors import ConfigError
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
CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 10, 50, 60  # less than a claim is busy: ledger/claim.py


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
    query = {"type": "contact", "activity": "bulkupload", "apikey": api_key(config)}
    return Request(base_url(config), query, form)


def api_key(config: Config) -> str:
    """The account's key, from the config or the file it names. Raises ConfigError."""
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


def base_url(config: Config) -> str:
    """The address that requests go to."""
    return config.submit.base_url or BASE_URLS[config.submit.idc]


class TooLateError(OSError):
    """The request was kept from being sent: too much time had passed since the right to send it was taken."""


class _Body:
    """The form as it goes over the wire, and whether any of it may have left this machine.

    It is the last thing that is sent, after connecting, a proxy's CONNECT, TLS and the head. Without it there
    is no file to load, so a job can have come of a request only once its body has begun to leave.
    """

    def __init__(self, form: dict[str, str], may: Callable[[], bool]) -> None:
        self._text = urlencode(form).encode()
        self._may = may
        self._lock = threading.Lock()
        self._left = self._withheld = False

    def __len__(self) -> int:
        return len(self._text)

    def __iter__(self) -> Iterator[bytes]:
        with self._lock:
            self.require()
            if self._left:  # a lent session may be set up to send all again
                raise TooLateError("the request goes out once")
            self._left = True
        yield self._text

    def require(self) -> None:
        """Raise TooLateError unless it may still be sent."""
        self._withheld = self._withheld or not self._may()
        if self._withheld:
            raise TooLateError("the request was withheld")

    def withhold(self) -> bool:
        """Whether nothing of it has left this machine; then nothing ever will."""
        with self._lock:
            self._withheld = not self._left
            return self._withheld


def submit(
    request: Request, may: Callable[[], bool] = lambda: True, http: requests.Session | None = None
) -> Job:
    """The accepted job; else SubmitRefused, SubmitUnavailable or SubmitUnknown.

    `may` is asked just before the body is sent; if it says no, nothing is, and that is SubmitUnavailable.
    `http` is the host's own session, whose connections are used.

    Whatever goes wrong, one question decides: has any of the request's body left this machine? It decides too
    where this process is stopped while the API is asked.
    """
    body = _Body(request.form, may)
    try:
        status, headers, answer = within(TOTAL_SECONDS, lambda: _ask(request, body, http))
    except BaseException as error:  # noqa: BLE001 - nothing else is of use to the caller now
        raise unanswered(error, unsent=body.withhold()) from None
    return accepted(status, headers, answer, secret=request.query["apikey"])


def _ask(
    request: Request, form: _Body, http: requests.Session | None
) -> tuple[int, Mapping[str, str], bytes]:
    """The answer's status and head and, where it is 200, its body, bounded in length."""
    form.require()
    with (
        session(request.url, http=http) as wire,
        wire.post(
            request.url,
            params=request.query,
            data=cast("Iterable[bytes]", form),
            headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
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
        return answer.status_code, answer.headers, bytes(body)
