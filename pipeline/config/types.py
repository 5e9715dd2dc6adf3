"""The types of the config's values: what a duration, a count or a name may be; addresses.py has the others.

A check that fails says what would be right, and never repeats the value: it may come from the environment.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr, WithJsonSchema

MIN_SECRET = 32
MAX_EXPIRES = 7 * 24 * 3600  # the cap of Signature Version 4
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: Any) -> Any:
    """Seconds from a whole number or from `30m`, `1h`, `7d`; anything else is left for pydantic to refuse."""
    if isinstance(value, str):
        found = re.fullmatch(r"([0-9]{1,9})([smhd]?)", value.strip())
        if not found:
            raise ValueError("a duration is a whole number of seconds, or like 30m, 1h, 7d")
        return int(found[1]) * _UNITS[found[2] or "s"]
    return _no_bool(value)


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a whole number is expected here, not true or false")  # noqa: TRY004 - pydantic's way
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


def _secrets(value: Any) -> Any:
    """One secret or several, as a tuple."""
    return value if isinstance(value, (list, tuple)) else () if value is None else (value,)


def _long_enough(value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if any(len(each.get_secret_value()) < MIN_SECRET for each in value):
        raise ValueError(f"a secret has {MIN_SECRET} characters or more: openssl rand -hex 32")
    return value


def _encoding(value: str) -> str:
    import codecs

    try:
        codec = codecs.lookup(value)
    except (LookupError, ValueError):
        raise ValueError("Python knows no such encoding; try utf-8, cp1252, latin-1 or utf-16") from None
    # The last four are text encodings by Python's word, but for host names and source code, or fail always.
    no_file = ("idna", "punycode", "undefined", "unicode-escape")
    if not codec._is_text_encoding or codec.name in no_file:
        raise ValueError("no file is written in this encoding; try utf-8, cp1252, latin-1 or utf-16")
    return value


def _pattern(value: str) -> str:
    try:
        matches = re.compile(value).match("")
    except re.error:
        raise ValueError("a regular expression; before marks such as ( and * stands a backslash") from None
    if matches:
        raise ValueError("a pattern that every line matches")
    return value


def _prefix(value: str) -> str:
    if not re.fullmatch(r"(?:[A-Za-z0-9_=-][A-Za-z0-9._=-]*(?:/|\Z))*", value) or len(value) > 500:
        raise ValueError("letters, digits and - _ = . between single slashes, not starting with one")
    return value if not value or value.endswith("/") else value + "/"


def _like(pattern: str, meaning: str) -> AfterValidator:
    """A check that the whole text looks like that pattern; `meaning` says it in words."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(meaning)
        return value

    return AfterValidator(check)


def _tags(value: dict[str, str]) -> dict[str, str]:
    if len(value) > 10:
        raise ValueError("an object has ten tags at most")
    for name, text in value.items():
        if not re.fullmatch(r"[\w .:/=+@-]{1,128}", name) or not re.fullmatch(r"[\w .:/=+@-]{0,256}", text):
            raise ValueError("a tag is made of letters, digits, blanks and . : / = + - @ _")
        if name.lower().startswith("aws:"):
            raise ValueError("tags named aws:… are the store's own")
    return value


_VARIABLE = {"type": "string", "pattern": r"^\$\{.*\}$"}  # a `${NAME}` stands for a number too

Integer = Annotated[
    int,
    BeforeValidator(_no_bool),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, _VARIABLE]}),
]
Duration = Annotated[
    int,
    BeforeValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": "^[0-9]{1,9}[smhd]?$"},
                _VARIABLE,
            ]
        }
    ),
]
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Secrets = Annotated[
    tuple[SecretStr, ...],
    BeforeValidator(_secrets),
    AfterValidator(_long_enough),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
MaxRejected = Annotated[
    str,
    BeforeValidator(_max_rejected),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$|^[0-9]+$"},
                _VARIABLE,
            ]
        }
    ),
]
OneAscii = Annotated[str, AfterValidator(_one_ascii)]
OneAsciiOrNone = Annotated[str, AfterValidator(lambda value: value and _one_ascii(value))]
Encoding = Annotated[str, AfterValidator(_encoding)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Prefix = Annotated[str, AfterValidator(_prefix)]


def _bucket(value: str) -> str:
    if value.startswith("arn:"):
        raise ValueError("an ARN: write the bucket's name alone; access points cannot host the file")
    if value.startswith("s3:"):
        raise ValueError("a URL: write the bucket's name alone, and a folder as stage.prefix")
    if value.endswith(("--x-s3", "--xa-s3")):
        raise ValueError(
            "a directory bucket, which gives out no URL that others can fetch: use a general one"
        )
    if value.endswith(("--ol-s3", ".mrap")):
        raise ValueError("an access point, which cannot host the file: write the bucket's own name")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{2,254}", value):
        raise ValueError("a bucket's name alone: letters, digits and - _ .")
    return value


Bucket = Annotated[str, AfterValidator(_bucket)]
Country = Annotated[str, _like(r"[A-Z]{2}", "a country's two-letter code, such as DE")]
Name = Annotated[
    str, _like(r"[A-Za-z0-9][A-Za-z0-9 ._:+=~-]{0,199}", "letters, digits, blanks and . _ : + = ~ - only")
]
Region = Annotated[str, _like(r"[a-z0-9-]{1,63}", "a region's name, such as eu-central-1")]
Encryption = Annotated[
    str, _like(r"SSE-S3|SSE-KMS(:[\w:/.-]{1,256})?", "one of SSE-S3, SSE-KMS, SSE-KMS:key-id")
]
Tags = Annotated[dict[str, str], AfterValidator(_tags)]
Email = Annotated[str, _like(r"[^@\s]+@[^@\s]+\.[^@\s]+", "not an e-mail address")]
