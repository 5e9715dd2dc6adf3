"""The typed view once more, cell by cell in plain Python: slow, obvious, and what the fast one must equal."""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.contract.rules import CellType

BAD: Any = object()  # text that is no value of the type
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def value_of(text: str | None, type_: CellType) -> Any:
    """The value of a cell: None where it is empty, BAD where it is none. Date-times are (seconds, ticks)."""
    if not text:
        return None
    match type_.kind:
        case "text":
            return text
        case "category":
            return text if type_.categories is None or text in type_.categories else BAD
        case "boolean":
            return {"true": True, "false": False}.get(text.lower(), BAD) if text.isascii() else BAD
        case "integer":
            return _integer(text, type_)
        case "decimal":
            return _decimal(text, type_)
        case "date":
            return _date(text)
        case "datetime":
            return _moment(text, type_)


def _integer(text: str, type_: CellType) -> Any:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        return BAD
    low = -(2 ** (type_.bits - 1)) if type_.signed else 0
    number = int(text) if len(text) < 4000 else math.inf
    return number if low <= number < low + 2**type_.bits else BAD


def _decimal(text: str, type_: CellType) -> Any:
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
        return BAD
    number = float(text)
    if type_.bits == 32 and not math.isinf(number):
        try:
            number = struct.unpack("f", struct.pack("f", number))[0]
        except OverflowError:
            return BAD
    return BAD if math.isinf(number) else number


def _date(text: str) -> Any:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return BAD
    try:
        return dt.date(*map(int, text.split("-")))
    except ValueError:
        return BAD


def _moment(text: str, type_: CellType) -> Any:
    """(ticks of the type's unit since 1970 in UTC, or in no zone) for the moment that the text says."""
    found = re.fullmatch(
        r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
        r"([T ]([0-9]{2}):([0-9]{2})(:([0-9]{2})(\.([0-9]{1,9}))?)?"
        r"( ?(?:Z|UTC|([+-])([0-9]{2})(?::?([0-9]{2}))?))?)?",
        text,
    )
    day = _date(found[1]) if found else BAD
    if found is None or day is BAD:
        return BAD
    hour, minute, second = (int(found[n] or 0) for n in (3, 4, 6))
    if hour > 23 or minute > 59 or second > 59 or int(found[11] or 0) > 23 or int(found[12] or 0) > 59:
        return BAD
    shift = int(found[11] or 0) * 3600 + int(found[12] or 0) * 60
    seconds = (day - dt.date(1970, 1, 1)).days * 86400 + hour * 3600 + minute * 60 + second
    seconds -= -shift if found[10] == "-" else shift
    if type_.zone and not found[9]:
        local = dt.datetime.combine(day, dt.time(hour, minute, second))
        zone = ZoneInfo(type_.zone)
        early, late = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
        if early.utcoffset() != late.utcoffset():  # there is no such moment, or there are two
            return BAD
        seconds = round((early - EPOCH).total_seconds())
    per_second = {"ms": 10**3, "us": 10**6, "ns": 10**9}[type_.unit]
    ticks = seconds * per_second + int((found[8] or "").ljust(9, "0")) * per_second // 10**9
    return ticks if -(2**63) <= ticks < 2**63 else BAD
