"""A host process with a state of its own and a guest in it: prints what of the state a run has changed.

    python tests/guest.py CONFIG SOURCE

Prints JSON: the names of what has changed, how the run ended, how many seconds the host's imports took, and
how many the run, first and again, beyond those in which it waited for an answer of the store.
"""

from __future__ import annotations

import csv
import decimal
import gc
import http.client
import json
import locale
import logging
import os
import signal
import socket
import ssl
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import boto3
import botocore.auth
import botocore.httpsession
import numpy as np
import pandas as pd
import pandera.pandas as pa
import polars as pl
import requests
import s3transfer  # noqa: F401 - gives its logger a handler when it is imported
import urllib3
from pandera.config import get_config_global

LIBRARIES = ("boto3", "botocore", "pandera", "requests", "s3transfer", "urllib3")


def state() -> dict[str, Any]:
    """All that is the process's and not one caller's, each under a name."""
    umask = os.umask(0)
    os.umask(umask)
    loggers = [logging.getLogger(name) for name in (None, *LIBRARIES)]
    return {
        "warnings": (list(warnings.filters), warnings.showwarning),
        "logging": [(one.level, list(one.handlers), list(one.filters), one.propagate) for one in loggers],
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "collector": (gc.get_threshold(), gc.isenabled(), gc.get_freeze_count(), list(gc.callbacks)),
        "hooks": (sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "imports": (list(sys.path), list(sys.meta_path), list(sys.path_hooks)),
        "surroundings": (dict(os.environ), os.getcwd(), umask),  # noqa: PTH109 - of the process
        "numbers": (str(decimal.getcontext()), np.geterr(), np.get_printoptions()),
        "locale": locale.setlocale(locale.LC_ALL),
        "limits": (csv.field_size_limit(), sys.getrecursionlimit(), sys.getswitchinterval()),
        "sockets": (socket.socket, socket.getaddrinfo, socket.getdefaulttimeout(), ssl.SSLContext),
        "http": (http.client.HTTPConnection.send, requests.Session.send, urllib3.PoolManager.urlopen),
        "botocore": (dict(botocore.auth.AUTH_TYPE_MAPS), botocore.httpsession.URLLib3Session.send),
        "boto3": (boto3.DEFAULT_SESSION, boto3.Session, boto3.client),
        "pandas": repr(pd.options.d),
        "pandera": repr(get_config_global()),
        "polars": pl.Config.state(),
        "threads": {thread.name for thread in threading.enumerate()},
    }


@contextmanager
def answers_timed() -> Iterator[list[tuple[float, float]]]:
    """From when to when a request waited for its answer, for each one."""
    spans: list[tuple[float, float]] = []
    original = http.client.HTTPConnection.getresponse

    def timed(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        began = time.perf_counter()
        try:
            return original(connection)
        finally:
            spans.append((began, time.perf_counter()))

    with mock.patch.object(http.client.HTTPConnection, "getresponse", timed):
        yield spans


def covered(spans: list[tuple[float, float]]) -> float:
    """The seconds that lie within at least one of the spans."""
    total, until = 0.0, 0.0
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


def main(config: str, source: str) -> None:
    """See above."""
    pa.DataFrameSchema({"A": pa.Column(str)}).validate(pd.DataFrame({"A": ["a"]}))
    frame, before = pd.read_csv(source, dtype=str), state()
    seconds = []
    for _ in range(2):  # the first run imports the package, too
        with answers_timed() as spans:
            began = time.perf_counter()
            import pipeline

            result = pipeline.run(frame, json.loads(config), until="stage")
            seconds.append(time.perf_counter() - began - covered(spans))
    changed = [name for name, value in state().items() if value != before[name]]
    print(json.dumps({"changed": changed, "state": result.state, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
