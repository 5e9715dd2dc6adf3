"""A callback, by pure functions: the address that is given out, which paths are it, what its body says.

What a callback holds is not documented, so it is told apart from others by its address alone: a path that
nobody can guess. Its body may be JSON, a form or anything else; it is kept as it came, and status words and
counts are read from it only where they are there. A job that is called completed and loaded nothing has
failed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from pipeline.config import TrackConfig
from pipeline.handoffs import Outcome

RUN_ID = r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}"
_TAIL = re.compile(rf"/({RUN_ID})/([0-9a-f]{{64}})/*\Z")
_BEFORE = r"(?i)^(?:(?:the|job|upload|bulk|file|import|status|has|is|was|been|partial(?:ly)?)\s+)*"
_NOT_YET = r"(?!.*\b(?:queued|scheduled|pending|started|in progress)\b|\s+[0-9]{1,2}\s*%)"
_DONE = re.compile(
    _BEFORE + r"(success(ful(ly)?)?|complete[d]?|done|finished|processed|ok|partial(ly)?)\b" + _NOT_YET
)
_FAILED = re.compile(_BEFORE + r"(fail(ed|ure)?|error|rejected|invalid|abort(ed)?|cancel+ed)\b")
_THINGS = r"(?:\s+(?:records?|rows?|contacts?|entries|lines?))?"
_NO_FAULT = re.compile(
    r"(?i)\b(?:0|no|zero|without(?: any)?)" + _THINGS + r"\s+(?:error|fail|warning|reject|issue|skip)\w*"
)
_FAULT = re.compile(r"(?i)\b(?:error|fail|warning|reject|issue|problem|skip|partial)")
_NOTHING = re.compile(
    r"(?i)\b(?:nothing|(?:0|no|none|zero)(?:\s*(?:/|of|out of)\s*[0-9]+)?" + _THINGS + r")"
    r"(?:\s+(?:were|was|have|has|been|could|be|successfully))*"
    r"\s+(?:load|import|process|add|updat|insert|success|creat|accept|upload)"
)
_REQUEST_ID = re.compile(r"[0-9A-Za-z-]{16,64}")  # longer than any phone number
_STATUS_KEYS = ("status", "jobstatus", "uploadstatus", "state", "result")
_MESSAGE_KEYS = ("message", "description", "reason", "remarks", "details", "statusmessage")
_COUNTED = re.compile(
    r"(?i)total|count|success|fail|record|row|insert|added|updat|valid|duplicat|process|reject|skip|error|load"
)
# What a contact or its number could stand under: such a value is never taken for a count.
_PERSONAL = re.compile(
    r"(?i)mobile|phone|msisdn|e-?mail|cust|(?<![a-z])(?:id|no|nr|number)(?![a-z])|Id\b|ID\b"
)


def address(config: TrackConfig, run_id: str) -> str | None:
    """The address for one run's callback: the configured one and a path that nobody can guess."""
    if not config.callback_url:
        return None
    end = token(config.secret[0], f"callback:{run_id}") if config.secret else secrets.token_hex(32)
    return f"{config.callback_url}/{run_id}/{end}"


def token(secret: SecretStr, about: str) -> str:
    """What only who has the secret can make or check: an HMAC-SHA256 in hexadecimal."""
    return hmac.new(secret.get_secret_value().encode(), about.encode(), hashlib.sha256).hexdigest()


def run_addressed(path: str, signed_by: Sequence[SecretStr]) -> str | None:
    """The run whose address that path is, by any of these secrets; None if it is nobody's.

    Compared in constant time, and as loosely as by `is_addressed`.
    """
    found = _TAIL.search(path)
    run_id, given = found.groups() if found else ("", "")
    expected = [token(secret, f"callback:{run_id}") for secret in signed_by]
    equal = [hmac.compare_digest(each.encode(), given.encode()) for each in expected]
    return run_id if any(equal) else None


def is_addressed(path: str, url: str) -> bool:
    """Whether a request's path is that address's: its secret end, which is compared in constant time.

    What stands before may be lost on the way, as reverse proxies take their own prefix off; a slash may be
    added at the end.
    """
    expected = "/" + "/".join(urlsplit(url).path.split("/")[-2:])
    end = path.rstrip("/")[-len(expected) :]
    return hmac.compare_digest(end.encode(errors="replace"), expected.encode())


def understood(body: bytes, accepted: int | None = None) -> Outcome | None:
    """How a job ended according to a callback's body; None if it does not say that the job has ended.

    `accepted` is how many contacts were sent. Its `warnings` say where not all of them were loaded.
    """
    every = list(_flat(_parsed(_text(body))))
    found = dict(every)
    fields = {_plain(key): value for key, value in found.items()}
    said = next((_words(fields[key]) for key in _STATUS_KEYS if isinstance(fields.get(key), str)), "")
    counts = {key: int(value) for key, value in found.items() if _is_count(key, value)}
    # An envelope may tell of its own success; a failure within it is the job's.
    words = [_words(value) for key, value in every if _plain(key) in _STATUS_KEYS and isinstance(value, str)]
    if failed := next(filter(_FAILED.match, [said, *words]), ""):
        return Outcome("failed", _word(failed), counts, raw=body)
    if not _DONE.match(said):
        return None
    messages = [_words(fields[key]) for key in _MESSAGE_KEYS if isinstance(fields.get(key), str)]
    text = _NO_FAULT.sub("", ". ".join([said, *messages]))
    if _NOTHING.search(text):
        return Outcome("failed", _word(said), counts, raw=body)
    return weighed(Outcome("completed", _word(said), counts, raw=body), accepted, text)


def weighed(outcome: Outcome, accepted: int | None, words: str = "") -> Outcome:
    """The outcome in the light of how many contacts were sent: a job that loaded none of them has failed.

    Who hears of an end may not know that number; who reads of it later does.
    """
    if outcome.status != "completed":
        return outcome
    if _loaded_nothing(outcome.counts, accepted):
        return replace(outcome, status="failed")
    return replace(outcome, warnings=tuple(_doubts(outcome.counts, words, accepted)))


def requestid(body: bytes) -> str | None:
    """The platform's id of the job, if a callback has one, and it can be no contact's value."""
    found = dict(_flat(_parsed(_text(body)))).get("requestid")
    return found if isinstance(found, str) and _REQUEST_ID.fullmatch(found) else None


def _text(body: bytes) -> str:
    """The body as text, whether in UTF-8, UTF-16 or UTF-32, with a byte order mark or without."""
    return body.decode(json.detect_encoding(body), "replace").lstrip("\ufeff").strip()


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return dict(parse_qsl(text)) if "=" in text else {}
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]
    return parsed if isinstance(parsed, dict) else {}


def _flat(fields: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """All fields under their own names; of equal ones the outermost comes last, and so counts."""
    for value in fields.values():
        inner = _parsed(value) if isinstance(value, str) and value.lstrip().startswith("{") else value
        if isinstance(inner, dict) and depth < 3:
            yield from _flat(inner, depth + 1)
    yield from ((key, value) for key, value in fields.items() if not isinstance(value, dict))


def _plain(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.lower())


def _words(said: str) -> str:
    """`completedWithErrors` and `COMPLETED_WITH_ERRORS` as words."""
    return re.sub(r"[_-]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", said)).strip()


def _word(said: str) -> str:
    """The status word alone: what follows it could be anything, a contact's value too."""
    found = _FAILED.match(said) or _DONE.match(said)
    return found[1] if found else ""


def _is_count(key: str, value: object) -> bool:
    """Whether it is a number by its name and its look: a callback could hold contacts' values too."""
    number = type(value) in (int, str) and re.fullmatch(r"[0-9]{1,9}", str(value))
    plain = re.fullmatch(r"[A-Za-z][A-Za-z _-]{0,39}", key)
    return bool(number and plain and _COUNTED.search(key) and not _PERSONAL.search(key))


def _sums(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts by what they count: loaded, lost, repeated, total; only those that are there."""
    sums: dict[str, int] = {}
    pieces = 0
    for key, number in counts.items():
        name = _plain(key)
        if re.search(r"duplicat", name):
            kind = "repeated"
        elif re.search(r"fail|reject|error|invalid|unsuccess|skip", name):
            kind = "lost"
        elif re.search(r"success|load|import|accept|valid", name):
            kind = "loaded"
        elif re.search(r"insert|add|creat|updat|upsert", name):
            pieces += number
            sums["pieces"] = pieces
            continue
        else:
            kind = "total"
        sums[kind] = max(number, sums.get(kind, 0))
    if "pieces" in sums:
        sums.setdefault("loaded", sums.pop("pieces"))
    return sums


def _loaded_nothing(counts: Mapping[str, int], accepted: int | None) -> bool:
    sums = _sums(counts)
    lost, sent = sums.get("lost", 0), sums.get("total", accepted or 0)
    if "loaded" not in sums:
        return (lost > 0 and lost >= sent > 0) or (sums.get("total") == 0 and bool(accepted))
    return sums["loaded"] == 0 and not sums.get("repeated") and max(lost, sent, accepted or 0) > 0


def _doubts(counts: Mapping[str, int], words: str, accepted: int | None) -> Iterator[str]:
    """Sentences about what a completed job did not load."""
    sums = _sums(counts)
    look = "look for the request in the platform's panel"
    loaded, lost, total = sums.get("loaded"), sums.get("lost", 0), sums.get("total")
    if accepted is not None and loaded is not None and loaded != accepted:
        yield f"The platform loaded {loaded:,} of the {accepted:,} contacts that were sent: {look}."
    elif lost:
        yield f"The platform did not load {lost:,} of the contacts that were sent: {look}."
    elif accepted is not None and total is not None and total != accepted:
        yield f"The platform counts {total:,} contacts where {accepted:,} were sent: {look}."
    elif _FAULT.search(words):
        yield f"The platform calls the job completed and speaks of errors: {look}."
