"""E-mail addresses: the last word is `email-validator`'s, the first a fast pattern's.

`accepts` is the verdict: what `email_validator.validate_email` takes by the syntax alone. No DNS is ever
asked. Its options are spelled out here, so that a host process that changed the library's own globals
changes no verdict: internationalised addresses are taken; quoted local parts (`"a b"@…`), addresses in
brackets (`a@[192.0.2.1]`), display names and an empty local part are not; a domain has a dot and is none of
the library's special-use names (`localhost`, `test`, `invalid`, `local`, `arpa`, `onion` and what lies
below them; `example.com` and its like are taken).

`fails` says the same of a polars column. `surely_passes` and `surely_fails` are its fast forms: false means
only "ask".
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from inspect import signature
from typing import TYPE_CHECKING, Any

from pipeline.formats.asking import ASCII, failing

if TYPE_CHECKING:
    import polars as pl
    from email_validator import ValidatedEmail

__all__ = ["accepts", "fails", "surely_fails", "surely_passes"]

IN_ATOM = r"[a-z0-9_!#$%&'*+/=?^`{|}~-]"
LOCAL = rf"{IN_ATOM}+(?:\.{IN_ATOM}+)*"
IS_LOCAL = re.compile(LOCAL, re.ASCII | re.IGNORECASE)
# A domain of plain letters and digits, in runs joined by one dot or one hyphen: so no label is empty, begins
# or ends with a hyphen, or holds two of them (Punycode).
PLAIN = rf"(?i-u)^{LOCAL}@[a-z0-9]+(?:[.-][a-z0-9]+)*\.[a-z]+$"
# What every address of ASCII matches: no label is empty, and the last ends in a letter.
POSSIBLE = rf"(?i-u)^{LOCAL}@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z0-9-]*[a-z]$"
# Within this many bytes neither a label (63) nor a domain (253) nor an address (254) is too long.
SHORT = 64
# In bytes, by RFC 5321: the library bounds an address by it, and 2.2 its local part.
LONGEST_ADDRESS = 254
LONGEST_LOCAL = 64


def accepts(text: str) -> bool:
    """Whether `text` is an e-mail address by `email_validator`, its DNS look-up left out."""
    from email_validator import EmailNotValidError

    local, _, domain = text.rpartition("@")
    try:
        if len(local) > LONGEST_LOCAL and IS_LOCAL.fullmatch(local):
            # email-validator 2.2 bounds the local part too; later ones the whole address alone.
            checked = _validate(f"a@{domain}")
            forms = (domain, checked.domain, checked.ascii_domain)
            return all(len(f"{local}@{form}".encode()) <= LONGEST_ADDRESS for form in forms)
        _validate(text)
    except EmailNotValidError:
        return False
    return True


def _validate(text: str) -> ValidatedEmail:
    """What the library reads in an address. Raises EmailNotValidError."""
    from email_validator import validate_email

    return validate_email(
        text,
        allow_smtputf8=True,
        allow_empty_local=False,
        allow_quoted_local=False,
        allow_domain_literal=False,
        allow_display_name=False,
        check_deliverability=False,
        test_environment=False,
        globally_deliverable=True,
        **_newer_options(),
    )


@cache
def _newer_options() -> dict[str, Any]:
    """`strict`, which email-validator knows from 2.3 on."""
    from email_validator import validate_email

    return {"strict": False} if "strict" in signature(validate_email).parameters else {}


def surely_passes(column: pl.Expr) -> pl.Expr:
    """True where a String column's text is surely accepted, false where `accepts` must say; null stays."""
    return column.str.contains(PLAIN) & (column.str.len_bytes() <= SHORT) & ~_special(column)


def surely_fails(column: pl.Expr) -> pl.Expr:
    """True where a String column's text is surely not accepted, false where one must ask; null stays."""
    return column.str.contains(ASCII) & (~column.str.contains(POSSIBLE) | _special(column))


def _special(column: pl.Expr) -> pl.Expr:
    """Where the domain is one of the library's special-use names, or lies below one."""
    from email_validator import SPECIAL_USE_DOMAIN_NAMES

    special = "|".join(re.escape(name) for name in SPECIAL_USE_DOMAIN_NAMES)
    return column.str.contains(rf"(?i-u)[@.](?:{special})$")


def fails(text: pl.Expr) -> pl.Expr:
    """Where a String column's text is no e-mail address: true, false, or null where the text is null."""
    return failing(text, surely_passes, surely_fails, accepts_like)


def accepts_like(text: str) -> bool:
    """As `accepts`, which is asked about a domain once: plain local parts of one length have one verdict."""
    local, _, domain = text.rpartition("@")
    return _accepts_again(f"{'a' * len(local)}@{domain}") if IS_LOCAL.fullmatch(local) else accepts(text)


@lru_cache(10_000)
def _accepts_again(text: str) -> bool:
    return accepts(text)
