"""E-mail addresses: our verdict is email-validator's, and what is surely accepted is accepted."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from inspect import signature

import email_validator
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats import emails


def surely_emails(texts: Iterable[str]) -> list[str]:
    column = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
    return column.filter(emails.surely_passes(pl.col("text")))["text"].to_list()


def never_emails(texts: Iterable[str]) -> list[str]:
    column = pl.DataFrame({"text": list(texts)}, schema={"text": pl.String})
    return column.filter(emails.surely_fails(pl.col("text")))["text"].to_list()


def library_takes_email(text: str) -> bool:
    try:
        email_validator.validate_email(text, check_deliverability=False)
    except email_validator.EmailNotValidError:
        return False
    return True


GOOD_EMAILS = [
    "a@b.co", "first.last+tag@sub.example.com", "UPPER@EXAMPLE.COM", "o'brien@example.org", "a@b.c", "a@1.de",
    "x_y-z@a-b.example", "jürgen@example.com", "user@müller.example", "user@xn--mller-kva.example",
    "用户@例子.广告", "{a}|b~!#$%&*/=?^`@example.com", "e\u0301@example.com", f"a@{'b' * 63}.com",
]  # fmt: skip
BAD_EMAILS = [
    "", "@", "a", "a@", "@b.co", "a@b", "a@@b.co", "a@b@c.co", "a b@c.co", " a@b.co", "a@b.co ", "a@b.co\n",
    "a@b.co\r", "a\x00@b.co", ".a@b.co", "a.@b.co", "a..b@c.co", "a@.co", "a@b.", "a@b..co", "a@-b.co",
    "a@b-.co",
    "a@b.1", "a@b_c.co", "a@192.0.2.1", "a@[192.0.2.1]", "a@[IPv6:::1]", '"a b"@c.co', '"a"@b.co',
    "A <a@b.co>",
    "a,b@c.co", "a@b,co", "a@b.co;c@d.co", "a@localhost", "a@x.localhost", "a@x.LOCAL", "a@test", "a@x.test",
    "a@x.invalid", "a@x.onion", "a@1.in-addr.arpa", "a@ab--cd.com", "a@xn--a.com", "a@xn--.com", "a＠b.co",
    f"a@{'b' * 64}.com", f"{'a' * 243}@example.com", "a@b.co\u200b", "a\u202e@b.co", "a@b\u3002",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD_EMAILS)
def test_good_addresses(text: str) -> None:
    assert library_takes_email(text)
    assert emails.accepts(text)
    assert emails.accepts(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize("text", BAD_EMAILS)
def test_bad_addresses(text: str) -> None:
    assert not library_takes_email(text)
    assert not emails.accepts(text)
    assert surely_emails([text]) == []


@pytest.mark.parametrize("domain", ["example.com", "müller.example", "xn--mller-kva.example", "例子.广告"])
def test_the_whole_address_is_bounded_and_not_its_local_part(domain: str) -> None:
    longest = domain.encode("idna").decode()
    for length in (64, 65, 253 - len(longest)):
        assert emails.accepts(f"{'a' * length}@{domain}")
    assert not emails.accepts(f"{'a' * (254 - len(longest))}@{domain}")
    assert not emails.accepts(f"{'a' * 64}..a@{domain}")
    assert not emails.accepts(f"{'a' * 65}@localhost")


def test_ordinary_addresses_are_surely_accepted() -> None:
    ordinary = [
        "a@b.co",
        "first.last+tag@sub.example.com",
        "UPPER@EXAMPLE.COM",
        "o'brien@a-b.example",
        "a@1.de",
    ]
    assert surely_emails(ordinary) == ordinary


def test_what_is_wrong_with_whole_columns_is_surely_not_accepted() -> None:
    wrong = ["", "-", "n/a", "asha.example.com", "asha@example", "asha@example.com ", " asha@example.com"]
    wrong += ["asha @example.com", "asha@example..com", "asha@localhost", "asha@x.LOCAL", "mailto:asha@b.co"]
    wrong += ["a@b.co;c@d.co", "Asha <asha@example.com>", "asha@example.com\n", "asha@192.0.2.1", "@b.co"]
    assert never_emails(wrong) == wrong


def test_the_host_s_own_settings_of_the_library_change_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEST_ENVIRONMENT", "ALLOW_QUOTED_LOCAL", "ALLOW_DOMAIN_LITERAL", "ALLOW_DISPLAY_NAME"):
        monkeypatch.setattr(email_validator, name, True)
    monkeypatch.setattr(email_validator, "CHECK_DELIVERABILITY", True)
    assert [text for text in BAD_EMAILS if emails.accepts(text)] == []
    assert all(emails.accepts(text) for text in GOOD_EMAILS)
    monkeypatch.setattr(email_validator, "SPECIAL_USE_DOMAIN_NAMES", ["example.com"])
    assert surely_emails(["a@example.com", "a@x.EXAMPLE.com", "a@bexample.com"]) == ["a@bexample.com"]


PIECES = st.one_of(
    st.sampled_from("abZ019-_.@\"\\ '+,;<>()[]\n\r\x00\tüßİא٣＠。．😀\u200d\u202e\xa0"),
    st.sampled_from(
        ["com", "example", "test", "localhost", "local", "arpa", "onion", "invalid", "example.com"]
    ),
    st.sampled_from(
        ["--", "..", "xn--", "xn--mller-kva", "u\u0308", "127.0.0.1", "[127.0.0.1]", "[IPv6:::1]"]
    ),
    st.sampled_from(["a" * 30, "b" * 61, "c" * 63, "d" * 64]),
    st.characters(codec="utf-8"),
)
ADDRESSES = st.one_of(
    st.lists(PIECES, max_size=10).map("".join),
    st.tuples(st.lists(PIECES, max_size=5), st.lists(PIECES, max_size=5)).map(
        lambda parts: f"{''.join(parts[0])}@{''.join(parts[1])}"
    ),
    st.from_regex(r"\A[a-zA-Z0-9.+_-]{1,12}@[a-zA-Z0-9.-]{1,20}\.[a-zA-Z]{1,9}\Z"),
    st.emails(),
    st.sampled_from(["a@b.test", "a@b.TEST", "a@b.tests", "a@b.onion", "a@b.local", "a@test.de", "a@b.c"]),
)


# email-validator 2.2 bounds local parts as well.
BOUNDS_LOCAL_PARTS = "strict" not in signature(email_validator.validate_email).parameters


def agree_on_emails(texts: list[str]) -> None:
    if BOUNDS_LOCAL_PARTS:
        texts = [text for text in texts if len(text.rpartition("@")[0]) <= 64]
    accepted = [text for text in texts if library_takes_email(text)]
    assert [text for text in texts if emails.accepts(text)] == accepted
    assert [text for text in texts if emails.accepts_like(text)] == accepted
    assert set(surely_emails(texts)) <= set(accepted)
    assert set(never_emails(texts)).isdisjoint(accepted)


@settings(deadline=None)
@given(st.lists(ADDRESSES, max_size=30))
def test_fuzzed_addresses(texts: list[str]) -> None:
    agree_on_emails(texts)


@pytest.mark.slow
@settings(deadline=None, max_examples=600)
@given(st.lists(ADDRESSES, max_size=60))
def test_many_more_fuzzed_addresses(texts: list[str]) -> None:
    agree_on_emails(texts)
