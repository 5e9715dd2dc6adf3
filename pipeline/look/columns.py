"""What each column of a file is taken for: by its name, and by what its cells look like."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal

from pipeline.look.languages import IN_ENGLISH
from pipeline.look.words import meanings, plain

Confidence = Literal["sure", "likely", "perhaps", "own", "unnamed"]
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_ADDRESS = re.compile(r"\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*")
_NEAR = 0.9


@dataclass(frozen=True)
class Match:
    """A column of the file and its attribute, with how sure that is and why.

    `own`: the contract knows no such attribute, so the column keeps its own name, in capitals. `perhaps` is
    for a person to confirm. `unnamed`: nothing can be made of its name; `attribute` is then "".
    """

    name: str
    attribute: str
    confidence: Confidence
    why: str


def matched(header: Sequence[str], cells: Mapping[str, Sequence[str]]) -> tuple[list[Match], str]:
    """The match of each column, and the language of the header; `cells` are those that are not blank."""
    language = _language(header)
    found = [_by_name(name, language) or _by_values(name, cells[name]) for name in header]
    found = [_checked(one, cells[one.name]) for one in found]
    best: dict[str, Match] = {}
    for one in sorted(
        found, key=lambda match: ("sure", "likely", "perhaps", "own", "unnamed").index(match.confidence)
    ):
        best.setdefault(one.attribute, one)
    taken = [
        one if best[one.attribute] is one else _own(one.name, "another column fits better") for one in found
    ]
    return _distinct(taken), language


def _language(header: Sequence[str]) -> str:
    """The language that most names are of; English where there is none."""
    votes: Counter[str] = Counter()
    for name in header:
        votes.update({language for known in meanings().get(plain(name), {}).values() for language in known})
    most = max(votes.values(), default=0)
    best = [language for language in IN_ENGLISH if votes[language] == most]
    return best[0] if best and most else "en"


def _by_name(name: str, language: str) -> Match | None:
    """By the table of words: sure where the name is in it, likely where one in it is nearly the same."""
    known = meanings().get(plain(name), {})
    for attribute, languages in known.items():
        if language in languages or (len(known) == 1 and (len(languages) > 1 or "en" in languages)):
            spoken = language if language in languages else languages[0]
            return Match(name, attribute, "sure", f"its name, in {IN_ENGLISH[spoken]}")
    for attribute, languages in known.items():
        return Match(name, attribute, "perhaps", f"that is what {IN_ENGLISH[languages[0]]} exports call it")
    return _by_near_name(name, language) or _by_last_words(name, language)


def _by_last_words(name: str, language: str) -> Match | None:
    """Likely where the name ends in a known one: `Mailing Zip`."""
    words = re.split(r"[\s_]+", name.strip())
    for first in range(1, len(words)):
        for attribute, languages in meanings().get(plain(" ".join(words[first:])), {}).items():
            if language in languages:
                return Match(name, attribute, "likely", f"its last words, in {IN_ENGLISH[language]}")
    return None


def _by_near_name(name: str, language: str) -> Match | None:
    wanted = plain(name)
    if len(wanted) < 5:
        return None
    for word, attributes in meanings().items():
        for attribute, languages in attributes.items():
            if language not in languages or len(word) < 5:
                continue
            near = SequenceMatcher(None, wanted, word).ratio() >= _NEAR
            if near or (len(word) > 6 and wanted.startswith(word)):
                return Match(name, attribute, "likely", f"its name is nearly that, in {IN_ENGLISH[language]}")
    return None


def _by_values(name: str, cells: Sequence[str]) -> Match:
    if cells and sum(bool(_ADDRESS.fullmatch(cell)) for cell in cells) > len(cells) * 0.9:
        return Match(name, "EMAIL", "perhaps", "its cells are e-mail addresses")
    return _own(name, "the contract has no such attribute")


def _checked(match: Match, cells: Sequence[str]) -> Match:
    """The match, in doubt where the cells are not what its attribute would hold."""
    wants = {
        "EMAIL": "@",
        "MOBILE": "[0-9].*[0-9].*[0-9]",
        "DOB": "[0-9]",
        "AGE": "[0-9]",
        "POSTAL_CODE": "[0-9]",
    }
    sign = wants.get(match.attribute)
    if not sign or not cells or match.confidence == "perhaps":
        return match
    held = sum(bool(re.search(sign, cell)) for cell in cells)
    if held * 2 >= len(cells):
        return match
    return replace(
        match, confidence="perhaps", why=f"its name says so, {len(cells) - held:,} of its cells do not"
    )


def own(name: str) -> str:
    """A custom attribute by the column's own name, as the platform writes names; "" where there is none."""
    ascii_only = unicodedata.normalize("NFKD", name.translate(_GERMAN)).encode("ascii", "ignore").decode()
    attribute = re.sub("[^A-Za-z0-9]+", "_", ascii_only).strip("_").upper()
    spelled = attribute and not attribute[0].isdecimal() and len(attribute) * 2 > len(name.strip())
    return attribute if spelled else ""


def _own(name: str, why: str) -> Match:
    if attribute := own(name):
        return Match(name, attribute, "own", why)
    return Match(name, "", "unnamed", "an attribute's name has Latin letters")


def _distinct(matches: list[Match]) -> list[Match]:
    """The matches, no two of one attribute: those of the column's own names are counted on."""
    used = {one.attribute for one in matches if one.confidence in ("sure", "likely", "perhaps")}
    result = []
    for one in matches:
        attribute, number = one.attribute, 2
        while one.confidence == "own" and attribute in used:
            attribute, number = f"{one.attribute}_{number}", number + 1
        if one.confidence == "own":
            used.add(attribute)
        result.append(replace(one, attribute=attribute))
    return result
