"""Contacts and contracts that all engines are tried with, and what of a run has to be the same on each."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas as pd
from world import World

from pipeline import Result

CONTRACT = """
import pandera.pandas as pa
import pipeline.checks

def upper(series):
    return series.str.upper()

CONTACT = pa.DataFrameSchema({
    "EMAIL": pa.Column(str, pa.Check.email(), unique=True, report_duplicates="KEEP"),
    "MOBILE": pa.Column(str, pa.Check.str_matches(r"[0-9]{8,15}\\Z", error="mobile"), nullable=True),
    "CITY": pa.Column(str, nullable=True, parsers=pa.Parser(upper)),
    "AGE": pa.Column("Int64", pa.Check(lambda age: age != 13, error="not_13"), nullable=True),
})
"""


def contacts(count: int, seed: int = 7) -> pd.DataFrame:
    """Contacts with some of every fault, and some that repeat others near and far."""
    some = random.Random(seed)
    rows: list[tuple[str, ...]] = []
    for number in range(count):
        email = f"user{number}@example.com"
        if number and some.random() < 0.05:
            email = rows[some.randrange(number)][0]
        elif some.random() < 0.03:
            email = some.choice(["", "no address", "a@b@example.com"])
        mobile = some.choice(["919876543210", "4915112345678", "9.19E+11", ""])
        city = some.choice(["Köln, am Rhein", 'the "old" town', "漢口\nriver side", "Ulm", ""])
        rows.append((email, mobile, city, some.choice(["41", "7", "13", "old", ""])))
    return pd.DataFrame(rows, columns=["EMAIL", "MOBILE", "CITY", "AGE"], dtype="str")


def config(
    world: World, folder: Path, keep: str = "exclude_first", **sections: dict[str, Any]
) -> dict[str, Any]:
    path = folder / "contact.py"
    path.write_text(CONTRACT.replace("KEEP", keep))
    contract = {"schema": f"{path}:CONTACT", "primary_key": [], "rejects": str(folder / "rejects")}
    sections["contract"] = {**contract, **sections.get("contract", {})}
    return world.config(**sections)


def rejects_of(world: World, result: Result) -> bytes:
    """The rejects file, wherever it is."""
    if result.rejects_file is None:
        return b""
    if not result.rejects_file.startswith("s3://"):
        return Path(result.rejects_file).read_bytes()
    bucket, _, folder = result.rejects_file.removeprefix("s3://").partition("/")
    found = world.s3.list_objects_v2(Bucket=bucket, Prefix=folder)["Contents"]
    keys = sorted(one["Key"] for one in found)
    return b"".join(world.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)


def facts(result: Result) -> dict[str, Any]:
    """What of a result has to be the same on every engine."""
    plain = result.to_dict()
    named = ("state", "records", "accepted", "rejected", "reasons", "changed", "blank", "staged")
    why = {reason: (why.sentence, why.first) for reason, why in result.why.items()}
    return {name: plain[name] for name in named} | {"why": why}


def rejects_in(world: World) -> list[str]:
    return [key for key in world.all_keys if "rejects/" in key]


def plain(folder: Path) -> str:
    """A contract that pandera need not be asked about."""
    path = folder / "plain.py"
    path.write_text(
        "import pandera.pandas as pa\n"
        "UNIQUE = {'unique': True, 'report_duplicates': 'exclude_first'}\n"
        "CONTACT = pa.DataFrameSchema({'EMAIL': pa.Column(str, **UNIQUE)})\n"
    )
    return f"{path}:CONTACT"
