"""E-mail addresses: the last word is `email-validator`'s, the first a fast pattern's.

`accepts` is the verdict: what `email_validator.validate_email` takes by the syntax alone. No DNS is ever
asked. Its options are spelled out here, so that a host process that changed the library's own globals
changes no verdict: internationalised addresses are taken; quoted local parts (`"a b"@…`), addresses in
brackets (`a@[192.0.2.1]`), display names and an empty local part are not; a domain has a dot and is none of
the library's special-use names (`localhost`, `test`, `invalid`, `local`, `arpa`, `onion` and what lies
below them; `example.com` and its like are taken).

`screen` is the fast form, for a polars expression: true means "surely accepted", false means only "ask".
`verdict` asks then. `whole` is a faster one: a single pattern, to be put into a larger one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.formats.asking import told

if TYPE_CHECKING:
    import polars as pl

__all__ = ["accepts", "screen", "verdict", "whole"]

IN_ATOM = r"[a-z0-9_!#$%&'*+/=?^`{|}~-]"
ATOM = f"{IN_ATOM}+"
# A domain of plain letters and digits, in runs joined by one dot or one hyphen: so no label is empty, begins
# or ends with a hyphen, or holds two of them (Punycode).
PLAIN = rf"(?i-u)^{ATOM}(?:\.{ATOM})*@[a-z0-9]+(?:[.-][a-z0-9]+)*\.[a-z]+$"
# The same within bounds: local part, label and domain cannot be too long.
BOUNDED = rf"(?i-u:{IN_ATOM}(?:\.?{IN_ATOM}){{0,31}}@[a-z0-9](?:[.-]?[a-z0-9]){{0,30}}\.[a-z]{{2,3}})"
# Within this many bytes neither a label (63) nor a domain (253) nor an address (254) is too long.
SHORT = 64


def accepts(text: str) -> bool:
    """Whether `text` is an e-mail address by `email_validator`, its DNS look-up left out."""
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(
            text,
            allow_smtputf8=True,
            allow_empty_local=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            strict=False,
            check_deliverability=False,
            test_environment=False,
            globally_deliverable=True,
        )
    except EmailNotValidError:
        return False
    return True


def screen(column: pl.Expr) -> pl.Expr:
    """True where a String column's text is surely accepted, false where `accepts` must say; null stays."""
    from email_validator import SPECIAL_USE_DOMAIN_NAMES

    special = "|".join(re.escape(name) for name in SPECIAL_USE_DOMAIN_NAMES)
    return (
        column.str.contains(PLAIN)
        & (column.str.len_bytes() <= SHORT)
        & ~column.str.contains(rf"(?i-u)[@.](?:{special})$")
    )


def verdict(column: pl.Expr) -> pl.Expr:
    """Whether a String column's text is accepted, true or false; null stays."""
    return told(column, screen, accepts)


def whole() -> str | None:
    """A pattern, in Rust's syntax, of texts that are surely accepted; holds no comma, quote or line end.

    Only domains that end in two or three letters, which no special-use name does; None if one did.
    """
    from email_validator import SPECIAL_USE_DOMAIN_NAMES

    short = any(len(name.rpartition(".")[2]) <= 3 for name in SPECIAL_USE_DOMAIN_NAMES)
    return None if short else BOUNDED
