"""What a foreign statement of a bucket's policy does to strangers who read hosted files: lets in, keeps out.

Not the whole of AWS's evaluation, and on the safe side: a condition counts as keeping strangers out only
where it names who asks or through which network of one's own, as AWS's own meaning of "public" has it
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_READING = ("s3:getobject", "s3:getobjectversion")
# Keys of a condition that no stranger without a signature and from outside can meet.
_NO_STRANGERS = {
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
}
_POSITIVE = re.compile(r"(?i)(forany(value)?:)?(string|arn)(equals|like)(ignorecase)?$")


def reaches(statement: dict[str, Any], place: str) -> bool:
    """Whether it allows strangers to read any object whose ARN begins with `place`."""
    if statement.get("Effect") != "Allow" or not _concerns_strangers(statement):
        return False
    if not (_concerns_reading(statement) and _concerns_place(statement, place)):
        return False
    return not any(
        _POSITIVE.match(operator) and _NO_STRANGERS & {key.lower() for key in keys}
        for operator, keys in statement.get("Condition", {}).items()
    )


def refuses(statement: dict[str, Any], place: str) -> bool:
    """Whether it may deny strangers to read there, plain http apart, which a URL of ours never is on AWS."""
    if statement.get("Effect") != "Deny" or not _concerns_strangers(statement):
        return False
    if not (_concerns_reading(statement) and _concerns_place(statement, place)):
        return False
    conditions = statement.get("Condition", {})
    only_http = [{key.lower(): _list(v) for key, v in keys.items()} for keys in conditions.values()]
    return only_http not in ([{"aws:securetransport": ["false"]}], [{"aws:securetransport": [False]}])


def _concerns_strangers(statement: dict[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    named = principal.get("AWS", []) if isinstance(principal, dict) else principal
    return "*" in _list(named)


def _concerns_reading(statement: dict[str, Any]) -> bool:
    if "NotAction" in statement:
        left_out = [each.lower() for each in _list(statement["NotAction"])]
        return not all(any(_matches(each, action) for each in left_out) for action in _READING)
    named = [each.lower() for each in _list(statement.get("Action", []))]
    return any(_matches(each, action) for each in named for action in _READING)


def _concerns_place(statement: dict[str, Any], place: str) -> bool:
    if "NotResource" in statement:
        left_out = _list(statement["NotResource"])
        return not any(each.endswith("*") and _matches(each, place) for each in left_out)
    return any(may_begin_with(each, place) for each in _list(statement.get("Resource", [])))


def may_begin_with(pattern: str, start: str) -> bool:
    """Whether the pattern (`*` any text, `?` one character) matches any text that begins with `start`."""
    places = _after_stars(pattern, {0})
    for character in start:
        places = {
            place if pattern[place] == "*" else place + 1
            for place in places
            if place < len(pattern) and pattern[place] in ("*", "?", character)
        }
        places = _after_stars(pattern, places)
    return bool(places)


def _after_stars(pattern: str, places: Iterable[int]) -> set[int]:
    found = set(places)
    for place in sorted(found):
        while place < len(pattern) and pattern[place] == "*":
            place += 1
            found.add(place)
    return found


def _matches(pattern: str, text: str) -> bool:
    regex = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _list(one_or_many: Any) -> list[Any]:
    return one_or_many if isinstance(one_or_many, list) else [] if one_or_many is None else [one_or_many]
