"""Writes contacts.csv, 10,000 made-up contacts as a real export would hold them, and contacts.faults.csv.

    python examples/make_contacts.py [FOLDER]

The same files come out every time. Two contacts in a hundred have a fault of the kind that real exports
have; contacts.faults.csv lists them all: the line of contacts.csv where the record begins, what is wrong in
a person's words, and the reasons that a run reports (faults.py). Nobody in here exists: names are common
ones put together at random (places.toml), every address is on a domain reserved for examples, and the phone
numbers have the form of valid ones and nothing else.
"""

from __future__ import annotations

import csv
import io
import random
import sys
import tomllib
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from faults import FAULTS, Contact, Fault

SEED = 20_250_101
CONTACTS = 10_000
TODAY = date(2025, 1, 1)
COMMON, RARE = (
    "example.com",
    ("example.org", "example.net", "mail.example.com", "EXAMPLE.COM", "post.example"),
)
LOCAL_PARTS = ["{f}.{l}", "{f}.{l}", "{f}{l}", "{f}_{l}", "{i}.{l}", "{l}.{f}", "{f}-{l}", "{f}+news"]

Place = dict[str, Any]
Name = tuple[str, str]


def main(folder: Path) -> None:
    """Write both files into `folder`."""
    rng = random.Random(SEED)
    contacts = make_contacts(rng)
    chosen = to_spoil(contacts, rng)
    whole = [number for number in range(CONTACTS) if number not in chosen]
    text, listed, line = as_csv([contacts[0]]), [("line", "column", "reasons", "what")], 2
    for number, contact in enumerate(contacts):
        if fault := chosen.get(number):
            earlier = contacts[rng.choice(whole[: bisect_left(whole, number)])]
            record = spoilt(contact, earlier, fault)
            listed.append((str(line), fault.column, fault.reasons, fault.what))
        else:
            record = as_csv([contact.values()])
        text += record
        line += record.count("\n")
    (folder / "contacts.csv").write_text(text, encoding="utf-8", newline="")
    (folder / "contacts.faults.csv").write_text(as_csv(listed), encoding="utf-8", newline="")


def to_spoil(contacts: list[Contact], rng: random.Random) -> dict[int, Fault]:
    """Which contacts get which fault, by their numbers: contacts of one line, none of the first hundred."""
    chosen: dict[int, Fault] = {}
    lines = [number for number in range(100, len(contacts)) if "\n" not in contacts[number]["ADDRESS"]]
    for fault in FAULTS:
        fit = [n for n in lines if n not in chosen and fault.country in ("", contacts[n]["COUNTRY"])]
        chosen |= dict.fromkeys(rng.sample(fit, fault.count), fault)
    return chosen


def spoilt(contact: Contact, earlier: Contact, fault: Fault) -> str:
    """The contact's record with that fault in it."""
    if fault.cell:
        contact = contact | {fault.column: fault.cell(contact, earlier)}
    record = as_csv([contact.values()])
    return fault.record(record) if fault.record else record


def places() -> list[Place]:
    """The places of places.toml, each name with its Latin letters (its own, where none are given)."""
    found: list[Place] = tomllib.loads(Path(__file__).with_name("places.toml").read_text("utf-8"))["place"]
    for place in found:
        for kind in ("women", "men", "families"):
            latin = place.get(f"{kind}_latin", place[kind].lower())
            place[kind] = list(zip(place[kind].split(), latin.split(), strict=True))
    return found


def make_contacts(rng: random.Random) -> list[Contact]:
    """The contacts, all of them right; no two share an e-mail address, a phone number or an id."""
    known = places()
    emails: set[str] = set()
    mobiles: set[str] = set()
    contacts = []
    for number, place in enumerate(rng.choices(known, [place["weight"] for place in known], k=CONTACTS)):
        gender = rng.choices(["F", "M", "O", ""], [46, 46, 2, 6])[0]
        first: Name = rng.choice(place["women" if gender == "F" else "men"])
        last: Name = rng.choice(place["families"])
        born = TODAY - timedelta(days=rng.randrange(18 * 366, 85 * 365))
        dob = born.isoformat() if rng.random() < 0.7 else ""
        city, state, postal = rng.choice(place["cities"]).split("|")
        contacts.append(
            {
                "LOYALTY_ID": f"{104_000 + 37 * number + rng.randrange(37):08d}",
                "EMAIL": unused(emails, partial(email, first[1], last[1], rng)),
                "MOBILE": unused(mobiles, partial(mobile, place, rng)),
                "FIRST_NAME": first[0],
                "LAST_NAME": last[0],
                "GENDER": gender,
                "DOB": dob,
                "AGE": str((TODAY - born).days * 100 // 36_525) if dob or rng.random() < 0.4 else "",
                "COMPANY": rng.choice(place["companies"]).format(last[0]) if rng.random() < 0.25 else "",
                "ADDRESS": address(place, rng),
                "CITY": city,
                "STATE": state,
                "POSTAL_CODE": digits(postal, rng),
                "COUNTRY": place["country"],
                "LANGUAGE": rng.choice(place["languages"]),
            }
        )
    return contacts


def unused(taken: set[str], make: Callable[[], str]) -> str:
    """What `make` makes, made again until it is none of `taken` (whatever the case); then it is."""
    while (made := make()).lower() in taken:
        pass
    taken.add(made.lower())
    return made


def digits(pattern: str, rng: random.Random) -> str:
    """`pattern` with each # turned into a digit."""
    return "".join(rng.choice("0123456789") if char == "#" else char for char in pattern)


def email(first: str, last: str, rng: random.Random) -> str:
    """An address of that name; a few are in more letters than ASCII has."""
    local = rng.choice(LOCAL_PARTS).format(f=first, l=last, i=first[0])
    local += rng.choice(["", str(rng.randrange(1, 10_000))])
    if rng.random() < 0.99:
        local = ascii_letters(local)
    domain = COMMON if rng.random() < 0.6 else rng.choice(RARE)
    return f"{local}@{domain if rng.random() < 0.995 else 'müller.example'}"


def ascii_letters(text: str) -> str:
    """`text` as one would spell it without accents."""
    plain = text.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()


def mobile(place: Place, rng: random.Random) -> str:
    """A number as the platform writes it, or with a plus; some Indian ones without the country code."""
    number = digits(rng.choice(place["mobiles"]), rng)
    if place["country"] == "IN" and rng.random() < 0.2:
        return number
    if rng.random() < 0.05:
        return f"+{place['calling_code']} {number[:4]} {number[4:]}"
    return f"{rng.choice(['', '', '+'])}{place['calling_code']}{number}"


def address(place: Place, rng: random.Random) -> str:
    """Often nothing, mostly one line, sometimes two."""
    if rng.random() < 0.45:
        return ""
    street: str = rng.choice(place["streets"]).format(rng.randrange(1, 120))
    if rng.random() < 0.92:
        return street
    return f"{rng.choice(place['above'])}\n{street}"


def as_csv(rows: Iterable[Iterable[str]]) -> str:
    """The rows as CSV text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
