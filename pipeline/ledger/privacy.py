"""In the mode `public`: can a stranger read the ledger too? Asked of the run's own first event, anonymously.

An open bucket policy is narrow by intent; a CDN over the whole bucket would show runs, claims and callbacks.
"""

from __future__ import annotations

import threading

from pipeline.errors import StageError
from pipeline.ledger.events import Ledger
from pipeline.s3.client import Store
from pipeline.urls import public
from pipeline.wire import retried, within

TIMEOUT, TOTAL_SECONDS = (5, 15), 30


class _Transient(Exception):
    """No answer, or one that may be another the next time."""


def require_private(store: Store, ledger: Ledger, run_id: str) -> None:
    """Raise StageError unless a stranger is refused the run's first event, by each address it may have."""
    key = ledger.key("runs", run_id, "started.json")
    for url in dict.fromkeys((public.link(store, key).url.get_secret_value(), store.location(key))):
        try:
            status = retried(lambda: _status(store, url), _Transient, stop=threading.Event())  # noqa: B023
        except _Transient as error:
            raise StageError(
                f"Whether strangers can read the ledger cannot be asked: {error}.",
                hint="Check stage.public_base_url and stage.public_endpoint_url, and run again.",
            ) from None
        if not 400 <= status < 500:
            raise StageError(
                f"Strangers can read {store.config.prefix}runs/ (HTTP {status}), not just the hosted files.",
                hint=f"Open {store.key('')}* alone: narrow the bucket's policy, or the CDN to that path.",
            )


def _status(store: Store, url: str) -> int:
    import requests

    def ask() -> int:
        with (
            store.wire(url) as wire,
            wire.get(url, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer,
        ):
            return answer.status_code

    try:
        status = within(TOTAL_SECONDS, ask)
    except (requests.RequestException, OSError) as error:
        raise _Transient(f"{type(error).__name__}, no answer came") from None
    if status >= 500 or status in (408, 429):
        raise _Transient(f"HTTP {status}")
    return status
