"""What every HTTP call of ours has in common: no borrowed credentials, no secrets in logs, one way to retry.

`requests` would add credentials from `.netrc` and send loopback calls through a proxy; urllib3 and botocore
log whole URLs, signatures and API keys at DEBUG. Nothing outside this module has to think of either.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from pipeline.config.addresses import is_loopback

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

_SECRET = re.compile(
    r"((?:apikey|X-Amz-(?:Signature|Credential|Security-Token)|Signature|AWSAccessKeyId)(?:=|%3D))"
    r"[^&\s\"']+?(?=&|%26|[\s\"']|$)",
    re.IGNORECASE,
)
_LOUD = {"urllib3": logging.ERROR, "botocore": logging.WARNING, "boto3": logging.WARNING}
_hush_lock = threading.Lock()
_hushed_runs = 0
_levels: dict[str, int] = {}


def redact(text: str) -> str:
    """The text with the values of API keys, signatures and credentials in URLs replaced by `***`."""
    return _SECRET.sub(r"\1***", text)


@contextmanager
def hushed() -> Iterator[None]:
    """Within it, urllib3 and botocore do not log URLs, whatever level the host's root logger has."""
    global _hushed_runs
    with _hush_lock:
        _hushed_runs += 1
        if _hushed_runs == 1:
            for name in {*_LOUD, *logging.root.manager.loggerDict}:
                quiet, logger = _LOUD.get(name.partition(".")[0]), logging.getLogger(name)
                if quiet and (logger.level or name in _LOUD):  # one without a level has its parent's
                    _levels[name] = logger.level
                    logger.setLevel(max(quiet, logger.level))
    try:
        yield
    finally:
        with _hush_lock:
            _hushed_runs -= 1
            if _hushed_runs == 0:
                while _levels:
                    name, level = _levels.popitem()
                    logging.getLogger(name).setLevel(level)


def ca_bundle() -> str | None:
    """The file of authorities that the environment names; None: the usual ones."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def bundle_fault(path: str | None) -> str:
    """What is wrong with a file (or folder) of authorities, "" if nothing is."""
    if path is None:
        return ""
    try:
        if not os.path.isdir(path):  # noqa: PTH112 - requests and boto3 take it as text too
            ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl's errors are such, too
        why = "is not there" if isinstance(error, FileNotFoundError) else "holds no certificates"
        return f"The file {path}, which AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE names, {why}."
    return ""


def session(url: str, bundle: str | None = None, http: requests.Session | None = None) -> requests.Session:
    """A session for calls to that address: no credentials but our own, no proxy to this machine.

    `bundle` is the file of authorities to trust; by default `ca_bundle`'s. `http` is the host's own session,
    whose connections, proxies and certificates are used.
    """
    import requests
    from requests.utils import get_environ_proxies

    from pipeline.lent import Lent

    used = Lent(http) if http else requests.Session()
    used.trust_env = False  # it would look into .netrc, and for its own certificates only
    if used.verify is True:
        used.verify = bundle or ca_bundle() or True
    if is_loopback(url):
        used.proxies = {}
    elif http is None or http.trust_env:
        used.proxies = {**get_environ_proxies(url), **used.proxies}
    return used


def within(seconds: float, call: Callable[[], T], *, stop: threading.Event | None = None) -> T:
    """What `call` returns or raises; TimeoutError where it has not done so in that time, or `stop` is set.

    Time-outs on a socket hold for each read, so a server that sends a byte now and then outlasts them all.
    The call goes on in a thread of its own, which keeps no process alive.
    """
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            done.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            done.put((None, error))

    threading.Thread(target=work, name="pipeline-call", daemon=True).start()
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        try:
            result, error = done.get(timeout=max(0.0, min(left, 0.1) if stop else left))
            break
        except queue.Empty:
            if left <= 0 or (stop and stop.is_set()):
                raise TimeoutError from None
    if error is not None:
        raise error
    return cast("T", result)


def retried(call: Callable[[], T], transient: type[Exception], *, stop: threading.Event) -> T:
    """What `call` returns; it is called again, with growing pauses, while it raises `transient`.

    Five attempts in some eight seconds: a store that restarts is back by then. Once `stop` is set no pause
    goes on.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random
    from tenacity.nap import sleep_using_event

    for attempt in Retrying(
        stop=stop_after_attempt(5),
        sleep=sleep_using_event(stop),
        wait=wait_exponential(multiplier=0.5, max=15) + wait_random(0, 0.5),
        retry=retry_if_exception_type(transient),
        reraise=True,
    ):
        with attempt:
            result = call()
    return result
