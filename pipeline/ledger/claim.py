"""The right to submit: one claim for each attempt to load one content, taken just before the POST.

    look  ->  decide  ->  take  ->  (less than 20 s later) the POST  ->  answer
    what      attempt     None:               else unsent                once, by whoever
    stands    or follow   lost                                           is first

A claim without an answer is busy for 180 s by the store's clock and then unknown, which is never written
and never opens the next attempt by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.ledger.events import Event, Facts, Ledger, Listing, newer
from pipeline.ledger.state import fold
from pipeline.result import Fingerprint

POST_WITHIN = 20.0  # seconds from the claim to the first byte of the request
_ACCOUNT = b"netcore-bulk-upload: which account is it?"
_REOPENS = ("refused", "unsent", "given_up")
_NAME = re.compile(r"([0-9]{4,})/(claim|answer)\.json")


def clock() -> float:
    """Seconds on a clock that goes on while the machine sleeps, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class Wanted:
    """The job that a run wants: its claim's `id`, the `content` as text, and when it may be a new one.

    `keyed` says that a run key is part of the id and the content is not; `again` that a second job is asked
    for; `again_after` is the age in seconds at which an unchanged content without a key is sent again.
    """

    id: str
    content: str
    keyed: bool = False
    again: bool = False
    again_after: float = 12 * 3600


@dataclass(frozen=True, slots=True)
class Standing:
    """The last attempt for a wanted job: whose it is, its state, and how old its last word is, in seconds.

    `state` is one of those of `pipeline.ledger.state`, `claimed` the content that was claimed.
    """

    attempt: int
    run_id: str
    state: str
    claimed: str
    requestid: str
    age: float


@dataclass(frozen=True)
class Claim:
    """The right to submit once, held by one run; `taken` is when, by `now`."""

    wanted: Wanted
    attempt: int
    run_id: str
    nonce: str = field(repr=False)
    taken: float
    now: Callable[[], float] = field(default=clock, repr=False)

    @property
    def in_time(self) -> bool:
        """Whether the request may still go out; if not, the claim has to be answered `unsent`."""
        return self.now() - self.taken < POST_WITHIN


def account(name: str | None, api_key: str) -> str:
    """What stands for the account in a claim's id: the name given, else a hash that only the key can make."""
    return name or hmac.new(api_key.encode(), _ACCOUNT, hashlib.sha256).hexdigest()


def as_text(content: Fingerprint) -> str:
    """The fingerprint as claims hold it."""
    return "-".join(map(str, content.to_dict().values()))


def identify(
    base_url: str,
    listid: int | None,
    account: str,
    content: Fingerprint,
    *,
    label: str = "",
    run_key: str = "",
) -> str:
    """The id of a wanted job: SHA-256 of where it goes to and its key or, without one, its content."""
    about = ["key", label, run_key] if run_key else ["content", as_text(content)]
    return hashlib.sha256(json.dumps([base_url, listid, account, about]).encode()).hexdigest()


def look(ledger: Ledger, wanted: Wanted) -> Standing | None:
    """What stands for that job, None where nobody has claimed it yet.

    Raises StageError where the store fails, LedgerError where a newer version of this tool was at work.
    """
    listing = ledger.list("claims", wanted.id, "")
    attempts = _attempts(listing, ledger.key("claims", wanted.id, ""))
    if not attempts:
        return None
    attempt, names = max(attempts.items())
    events = list(_events(ledger, wanted.id, attempt, names))
    last = max(events, key=lambda event: event.kind == "answer")
    run_id = str(last.facts.get("run_id"))
    state = fold(events, listing.now).state
    if "answer" not in names:
        state = fold([*events, *ledger.run_events(run_id)], listing.now).state  # a callback proves more
    elif state == "submitted" and (ended := ledger.find(ledger.key("runs", run_id, "ended.json"))):
        state = fold([*events, Event("ended", ended, last.at)], listing.now).state
    return Standing(
        attempt,
        run_id,
        state,
        str(last.facts.get("content")),
        str(last.facts.get("requestid") or ""),
        (listing.now - last.at).total_seconds(),
    )


def decide(standing: Standing | None, wanted: Wanted) -> int | None:
    """The attempt to take; None where the job that stands is to be followed and nothing sent."""
    if standing is None:
        return 1
    ended_well = standing.state in ("submitted", "completed")
    old = ended_well and not wanted.keyed and standing.age >= wanted.again_after
    asked = wanted.again and (ended_well or standing.state == "failed")
    return standing.attempt + 1 if standing.state in _REOPENS or old or asked else None


def new(wanted: Wanted, run_id: str, attempt: int, now: Callable[[], float] = clock) -> Claim:
    """A claim that is not taken yet; its twenty seconds begin now."""
    return Claim(wanted, attempt, run_id, secrets.token_hex(16), now(), now)


def take(ledger: Ledger, claim: Claim) -> bool:
    """Whether the claim is ours now; False where another run was faster.

    Raises StageError: then nobody may submit by it.
    """
    facts = {"run_id": claim.run_id, "content": claim.wanted.content, "nonce": claim.nonce}
    return ledger.write(_key(ledger, claim.wanted.id, claim.attempt, "claim"), facts) is None


def is_held(ledger: Ledger, claim: Claim) -> bool:
    """Whether the claim was written, for one whose writing was broken off. Raises StageError."""
    facts = ledger.find(_key(ledger, claim.wanted.id, claim.attempt, "claim"))
    return facts is not None and facts.get("nonce") == claim.nonce


def answer(ledger: Ledger, claim: Claim, what: str, requestid: str = "") -> Facts | None:
    """Record what became of the claim; None once that is recorded, else the answer that was there before."""
    facts: dict[str, Any] = {
        "answer": what,
        "run_id": claim.run_id,
        "content": claim.wanted.content,
        "nonce": claim.nonce,
    }
    if requestid:
        facts["requestid"] = requestid
    return ledger.write(_key(ledger, claim.wanted.id, claim.attempt, "answer"), facts)


def settle(ledger: Ledger, id: str, standing: Standing, what: str, requestid: str = "") -> Facts | None:  # noqa: A002
    """Record a person's word on a claim (marked, given_up); None, or the answer that was there before."""
    claim = new(Wanted(id, standing.claimed), standing.run_id, standing.attempt)
    return answer(ledger, claim, what, requestid)


def claim_of(ledger: Ledger, id: str, run_id: str) -> list[Event]:  # noqa: A002
    """The claim that this run holds, or held, for that job, and its answer; empty if it claimed nothing."""
    listing = ledger.list("claims", id, "")
    attempts = _attempts(listing, ledger.key("claims", id, ""))
    for number, names in sorted(attempts.items(), reverse=True):
        events = list(_events(ledger, id, number, names))
        if any(each.facts.get("run_id") == run_id for each in events):
            return events
    return []


def _events(ledger: Ledger, id: str, attempt: int, names: Mapping[str, datetime]) -> Iterator[Event]:  # noqa: A002
    for name, at in names.items():
        yield Event(name, ledger.read(_key(ledger, id, attempt, name)) or {}, at)


def _key(ledger: Ledger, id: str, attempt: int, name: str) -> str:  # noqa: A002 - it is the claim's id
    return ledger.key("claims", id, f"{attempt:04}", f"{name}.json")


def _attempts(listing: Listing, below: str) -> dict[int, dict[str, datetime]]:
    """The objects of each attempt with their times."""
    attempts: dict[int, dict[str, datetime]] = {}
    for key, at in listing.modified.items():
        found = _NAME.fullmatch(key.removeprefix(below))
        if found is None:
            raise newer()
        attempts.setdefault(int(found[1]), {})[found[2]] = at
    return attempts
