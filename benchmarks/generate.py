"""Seeded contacts of any number, a share of them bad, as CSV in a cache folder: the same bytes every time.

    python -m benchmarks.generate --rows 1000000 --bad 1 --form quoted

The same records come in two forms: `bare` has the customer id first and quotes only where it must, in one
record of a thousand; `quoted` has the id last and quotes around every text. Customer ids come in no order,
some cells are empty. Each bad record breaks one rule of the contract; one in ten of them only repeats the id
of an earlier record. For the contract that the product comes with, there are the contacts of its example
instead, over and over.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from benchmarks.contract import COUNTRIES

CACHE = Path(__file__).parent / ".cache"
EXAMPLE = Path(__file__).parents[1] / "examples" / "contacts.csv"
CHUNK = 1_000_000
FORMS = ("bare", "quoted")
IDS, STEP = 1_000_000_000, 387_420_489  # STEP and IDS have no common factor: no id comes twice

CARD_DIGITS, CARDS = 8, 400_000  # the example's card numbers, and how far one time round is from the next

FIRST = (
    "Aarav",
    "Maria",
    "John",
    "Chloé",
    "Jürgen",
    "Fatima",
    "Wei",
    "Olu",
    "Anna",
    "Søren",
    "Noor",
    "Kenji",
)
LAST = ("Sharma", "Silva", "Smith", "Dubois", "Müller", "Khan", "Chen", "Adeyemi", "O'Brien", "Sato")
CITIES = ("Mumbai", "São Paulo", "New York", "Paris", "Köln", "Dubai", "Singapore", "Toronto", "")
DOMAINS = ("example.com", "mail.example.org", "shop.example.in", "example.co.uk")

FAULTS = (
    ("EMAIL", pl.col("EMAIL").str.replace("@", " at ")),
    ("EMAIL", pl.lit(None, pl.String)),
    ("MOBILE", pl.lit("98765-43210")),
    ("NAME", pl.col("NAME") + "x" * 60),
    ("COUNTRY", pl.lit("XX")),
    ("AGE", pl.lit("n/a")),
    ("AGE", pl.lit("199")),
    ("SIGNUP", pl.lit("31/12/2020")),
    ("SIGNUP", pl.lit("1970-01-01")),
    ("CUSTOMER_ID", pl.lit("earlier")),
)


def generated(rows: int, bad: float, form: str = "bare") -> Path:
    """The file with that many records of which `bad` percent are bad; made if it is not there yet."""
    quotes: Literal["necessary", "non_numeric"] = "non_numeric" if form == "quoted" else "necessary"

    def write(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            for start in range(0, rows, CHUNK):
                chunk = _chunk(start, min(CHUNK, rows - start), bad)
                if form == "quoted":
                    chunk = chunk.select(pl.exclude("CUSTOMER_ID"), "CUSTOMER_ID")
                chunk.write_csv(file, include_header=start == 0, quote_style=quotes)

    return _made(f"contacts-{form}-{rows}-{bad:g}.csv", write)


def repeated(rows: int, *, damaged: bool = False) -> Path:
    """A file of the example's contacts, 2 % of them bad, each time round with other cards and addresses.

    `damaged`: every mobile number went through a spreadsheet as a decimal.
    """

    def write(unfinished: Path) -> None:
        with EXAMPLE.open(encoding="utf-8", newline="") as example:
            head, *contacts = csv.reader(example)
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(head)
            rounds = (_another(contact, turn, damaged) for turn in count() for contact in contacts)
            writer.writerows(islice(rounds, rows))

    return _made(f"example-{rows}{'-damaged' * damaged}.csv", write)


def _made(name: str, write: Callable[[Path], None]) -> Path:
    """The file of that name in the cache folder, written if it is not there yet."""
    path = CACHE / name
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".part")
        write(unfinished)
        unfinished.rename(path)
    return path


def _another(contact: list[str], turn: int, damaged: bool) -> list[str]:
    card, address, mobile, *rest = contact
    if len(card) == CARD_DIGITS and card.isdigit():
        card = f"{int(card) + turn * CARDS:0{CARD_DIGITS}d}"
    if damaged and mobile.isdigit():
        mobile = f"{int(mobile) + turn}.0"
    return [card, address.replace("@", f"{turn}@", 1) if turn else address, mobile, *rest]


def _chunk(start: int, rows: int, bad: float) -> pl.DataFrame:
    """Records from `start` on; what they hold depends on their number alone."""
    random = np.random.default_rng([start, 20240229])
    number = np.arange(start, start + rows)
    frame = pl.DataFrame(
        {
            "number": number,
            "id": number * STEP % IDS,
            "first": _any_of(random, FIRST, rows),
            "last": _any_of(random, LAST, rows),
            "domain": _any_of(random, DOMAINS, rows),
            "phone": random.integers(10**9, 10**10, rows),
            "CITY": _any_of(random, CITIES, rows),
            "COUNTRY": _any_of(random, COUNTRIES, rows),
            "age": random.integers(16, 95, rows),
            "day": random.integers(0, 9000, rows),
            "missing": random.random(rows),
            "fault": np.where(random.random(rows) * 100 < bad, random.integers(0, len(FAULTS), rows), -1),
            "earlier": (number * random.random(rows)).astype(np.int64) * STEP % IDS,
        }
    )
    records = frame.select(
        "fault",
        _id(pl.col("earlier")).alias("earlier"),
        CUSTOMER_ID=_id(pl.col("id")),
        EMAIL=pl.format("{}.{}@{}", pl.col("first").str.to_lowercase().replace(ASCII), "number", "domain"),
        MOBILE=pl.when(pl.col("missing") > 0.05).then(pl.format("+91{}", "phone")),
        NAME=pl.format("{} {}", "first", "last"),
        CITY=pl.when(pl.col("missing").is_between(0.5, 0.501))
        .then(pl.lit("Washington, DC"))
        .otherwise(pl.col("CITY").replace({"": None})),
        COUNTRY=pl.col("COUNTRY"),
        AGE=pl.when(pl.col("missing") < 0.9).then(pl.col("age").cast(pl.String)),
        SIGNUP=(pl.lit("2001-01-01").str.to_date() + pl.duration(days="day")).dt.to_string("%Y-%m-%d"),
    )
    columns = [name for name in records.columns if name not in ("fault", "earlier")]
    spoilt = records.with_columns(_spoilt(name) for name in columns)
    return spoilt.select(columns)


ASCII = {"chloé": "chloe", "jürgen": "juergen", "søren": "soren"}


def _id(number: pl.Expr) -> pl.Expr:
    return pl.format("C{}", number.cast(pl.String).str.zfill(9))


def _any_of(random: np.random.Generator, words: tuple[str, ...], rows: int) -> pl.Series:
    return pl.Series(words)[random.integers(0, len(words), rows)]


def _spoilt(column: str) -> pl.Expr:
    cell = pl.col(column)
    for fault, (name, value) in enumerate(FAULTS):
        if name == column:
            worse = pl.col("earlier") if name == "CUSTOMER_ID" else value
            cell = pl.when(pl.col("fault") == fault).then(worse).otherwise(cell)
    return cell.alias(column)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--bad", type=float, default=1, help="percent")
    parser.add_argument("--form", choices=FORMS, default="bare")
    arguments = parser.parse_args()
    print(generated(arguments.rows, arguments.bad, arguments.form))
