"""The types of the config's values: durations, counts, lists of names, addresses."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

MAX_EXPIRES = 7 * 24 * 3600  # the cap of Signature Version 4
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: Any) -> Any:
    """Seconds from a whole number or from `30m`, `1h`, `7d`; anything else is left for pydantic to refuse."""
    if isinstance(value, str):
        found = re.fullmatch(r"([0-9]{1,9})([smhd])", value.strip())
        if not found:
            raise ValueError("a duration is a whole number of seconds, or like 30m, 1h, 7d")
        return int(found[1]) * _UNITS[found[2]]
    return value


def _max_rejected(value: Any) -> Any:
    """A count, or a percentage as its text; refused with what would be right."""
    text = str(value)
    percent = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%", text)
    if isinstance(value, bool) or not (re.fullmatch(r"[0-9]{1,15}", text) or percent):
        raise ValueError('a count of records (100) or a percentage of them ("2%")')
    if percent and float(percent[1]) > 100:
        raise ValueError("a percentage is at most 100%")
    return text


def _one_ascii(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value in "\0\r\n":
        raise ValueError('one ASCII character, such as "," or ";" or "\\t"')
    return value


def _names(value: Any) -> Any:
    """One name or several, as a tuple."""
    return (value,) if isinstance(value, str) else value


Duration = Annotated[
    int,
    BeforeValidator(_seconds),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+[smhd]$"}]}
    ),
]
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
MaxRejected = Annotated[
    str,
    BeforeValidator(_max_rejected),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}),
]
OneAscii = Annotated[str, AfterValidator(_one_ascii)]
OneAsciiOrNone = Annotated[str, AfterValidator(lambda value: value and _one_ascii(value))]


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine, by name or address, without asking any DNS."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def web_address(value: str, *, loopback_http: bool) -> str:
    """The address without a slash at its end; ValueError where it is none that may be used."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address starts with https:// and names a host")
    if parts.username or parts.password:
        raise ValueError("an address holds no user name and no password")
    if loopback_http and parts.scheme == "http" and not is_loopback(value):
        raise ValueError("plain http goes to this machine (loopback) only; use https://")
    return value.rstrip("/")
