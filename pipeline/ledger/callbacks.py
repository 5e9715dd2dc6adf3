"""A callback's way into the ledger: its body first, then what it says, then the end if it tells one.

Each is created once, by a process that may read nothing: repeats and any order do no harm.
"""

from __future__ import annotations

import hashlib
from typing import Any

from pipeline.callback import requestid, understood
from pipeline.ledger.events import Ledger
from pipeline.s3.failures import storage


def hear(ledger: Ledger, run_id: str, method: str, body: bytes, accepted: int | None = None) -> None:
    """Record that this came to the run's address; only a POST can tell the job's end.

    `accepted` is how many contacts the run sent, if that is known.

    Raises StageError unless all of it is stored.
    """
    name = hashlib.sha256(body if method == "POST" else method.encode()).hexdigest()
    outcome = understood(body, accepted) if method == "POST" else None
    if method == "POST":
        keep(ledger, run_id, name, body)
    facts: dict[str, Any] = {
        "method": method,
        "hash": name,
        "bytes": len(body),
        "status": outcome.status if outcome else None,
        "said": outcome.said if outcome else "",
        "counts": dict(outcome.counts) if outcome else {},
        "requestid": requestid(body),
    }
    ledger.create(ledger.key("runs", run_id, f"callback-{name}.json"), facts)
    if outcome:
        end = {name: facts[name] for name in ("hash", "said", "counts", "requestid")}
        ledger.create(ledger.key("runs", run_id, "ended.json"), {"ended": outcome.status, **end})


def keep(ledger: Ledger, run_id: str, name: str, body: bytes) -> None:
    """Store the body as it came, private and encrypted as the hosted file is."""
    key = ledger.key("callbacks", run_id, name)
    ledger.create_object(key, body, {"ContentType": "application/octet-stream"})


def bodies(ledger: Ledger, run_id: str) -> list[bytes]:
    """The bodies of that run's callbacks that are still kept, in the order they came in."""
    found = ledger.list("callbacks", run_id, "").modified
    read = []
    for key in sorted(found, key=found.__getitem__):
        with storage("reading a callback's body"):
            read.append(ledger.store.client.get_object(Bucket=ledger.store.bucket, Key=key)["Body"].read())
    return read
