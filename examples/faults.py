"""What goes wrong in exports: each kind of fault, how often it is made here, and how a run reports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Contact = dict[str, str]


@dataclass(frozen=True)
class Fault:
    """A kind of fault: how many contacts have it, what it is, the reasons a run reports (`COLUMN:check; …`).

    `cell` makes a column's text out of the contact and an earlier one, `record` the record's text out of it.
    """

    count: int
    what: str
    reasons: str
    cell: Callable[[Contact, Contact], str] | None = None
    record: Callable[[str], str] | None = None
    country: str = ""

    @property
    def column(self) -> str:
        """The column that it sits in (`_record` for the record as a whole)."""
        return self.reasons.partition(":")[0]


def international(contact: Contact) -> str:
    """The phone number of an Indian contact, digits only, with the country code."""
    return "91" + "".join(filter(str.isdigit, contact["MOBILE"]))[-10:]


FAULTS = (
    Fault(
        20,
        "phone number went through a decimal column",
        "MOBILE:phone; MOBILE:no_trailing_decimal",
        lambda contact, _: f"{international(contact)}.0",
        country="IN",
    ),
    Fault(
        20,
        "phone number in scientific notation",
        "MOBILE:phone; MOBILE:no_scientific_notation",
        lambda contact, _: f"{int(international(contact)):.5E}",
        country="IN",
    ),
    Fault(
        14,
        "a spreadsheet's apostrophe before the phone number",
        "MOBILE:no_leading_apostrophe",
        lambda contact, _: f"'{international(contact)}",
        country="IN",
    ),
    Fault(
        12,
        "phone number lost its last digits",
        "MOBILE:phone",
        lambda contact, _: international(contact)[:8],
        country="IN",
    ),
    Fault(
        12,
        "customer id lost its leading zeros",
        "LOYALTY_ID:no_lost_leading_zero",
        lambda contact, _: contact["LOYALTY_ID"].lstrip("0"),
    ),
    Fault(12, "no @ in the address", "EMAIL:email", lambda contact, _: contact["EMAIL"].replace("@", "")),
    Fault(8, "two @ in the address", "EMAIL:email", lambda contact, _: contact["EMAIL"].replace("@", "@@")),
    Fault(8, "a blank in the address", "EMAIL:email", lambda contact, _: contact["EMAIL"].replace("@", " @")),
    Fault(8, "a comma for a dot", "EMAIL:email", lambda contact, _: contact["EMAIL"].replace("@", "@mail,")),
    Fault(14, "address of an earlier contact", "EMAIL:field_uniqueness", lambda _, earlier: earlier["EMAIL"]),
    Fault(10, "no address", "EMAIL:not_nullable", lambda *_: ""),
    Fault(
        10,
        "customer id of an earlier contact",
        "LOYALTY_ID:field_uniqueness",
        lambda _, earlier: earlier["LOYALTY_ID"],
    ),
    Fault(6, "29 February of a common year", "DOB:coerce_dtype('date')", lambda *_: "2001-02-29"),
    Fault(6, "day, month and year by slashes", "DOB:coerce_dtype('date')", lambda *_: "31/12/1990"),
    Fault(6, "older than anybody", "AGE:in_range", lambda *_: "230"),
    Fault(4, "age is no number", "AGE:coerce_dtype('Int64')", lambda *_: "n/a"),
    Fault(6, "unknown gender code", "GENDER:isin", lambda *_: "1"),
    Fault(6, "country by name", "COUNTRY:str_matches", lambda *_: "Deutschland"),
    Fault(4, "quote never closed", "_record:quote", record=lambda text: text.replace(",", ',"', 1)),
    Fault(4, "quotes in quotes, not doubled", "_record:quote", record=lambda text: '"a "b" c"' + text),
    Fault(5, "a field too many", "_record:field_count", record=lambda text: text.replace("\n", ",\n")),
    Fault(5, "a field too few", "_record:field_count", record=lambda text: text.replace(",", "", 1)),
)
