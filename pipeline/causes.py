"""What the rejected cells of a column have in common, in words: "looks like DD.MM.YYYY in all 2,692".

Looked for in the first mebibyte of the rejects, once, after the last record. No word of a cell is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from pipeline.csv.cells import parse
from pipeline.csv.cutting import cut
from pipeline.csv.dialect import Dialect

SAMPLE_BYTES = 1 << 20
TOTALS = (
    "The last rejected record looks like a line of totals: set source.footer to how it begins, or take it "
    "out of the export."
)

_DAY = r"[0-9]{1,2}"
_SHAPES = {
    "begins or ends with a blank": r"^[\s\u00a0]|[\s\u00a0]$",
    "is a word for nothing, such as NULL or N/A": r"^(?i:null|n/?a|#n/?a|none|nan|nil|-+|\?+)$",
    "looks like DD.MM.YYYY": rf"^{_DAY}\.{_DAY}\.[0-9]{{4}}$",
    "looks like DD.MM.YY": rf"^{_DAY}\.{_DAY}\.[0-9]{{2}}$",
    "looks like DD/MM/YYYY or MM/DD/YYYY": rf"^{_DAY}/{_DAY}/[0-9]{{4}}$",
    "looks like DD-MM-YYYY or MM-DD-YYYY": rf"^{_DAY}-{_DAY}-[0-9]{{4}}$",
    "looks like YYYY/MM/DD": rf"^[0-9]{{4}}/{_DAY}/{_DAY}$",
    "has a comma before its decimals": r"^[+-]?[0-9]{1,3}(?:[.]?[0-9]{3})*,[0-9]+$",
    "has no @": r"^[^@]*[A-Za-z][^@]*$",
    "has more than one @": r"@.*@",
}
# The reading that takes such a text for what is meant; the first for any column.
_READ_BY = {
    "begins or ends with a blank": "trim",
    "looks like DD.MM.YYYY": "date DD.MM.YYYY",
    "looks like DD.MM.YY": "date DD.MM.YY",
    "looks like YYYY/MM/DD": "date YYYY/MM/DD",
    "has a comma before its decimals": "decimal comma",
}
_ANY = ("begins or ends with a blank",)
_FOR_EMAIL = ("has no @", "has more than one @")
_TOTALS = re.compile(
    r"(?:^|[,;|\t\"])\s*(?:grand |sub)?(?:totals?|totale[s]?|summe|gesamt(?:summe)?|somme|suma|soma|合計)"
    r"\s*:?\s*(?=[,;|\t\"]|$)",
    re.IGNORECASE,
)


def common(
    sample: bytes, delimiter: str, columns: tuple[str, ...], counts: Mapping[str, int]
) -> dict[str, str]:
    """For a reason the shape that half or more of its cells have, where there is one, and in how many.

    `sample` is the beginning of the rejects file's records, as UTF-8, `columns` what all of its columns are
    called (`mended.columns_added` behind the contract's names), `counts` how often each reason was met.
    """
    dialect = Dialect(delimiter)
    records = cut(sample, dialect, len(sample), width=len(columns), final=False).records
    cells, _ = parse(records, dialect, columns)
    reasons = cells["\0reasons"].fill_null("").str.split("; ")
    found = {}
    for reason, count in counts.items():
        column = next((name for name in columns if reason.startswith(f"{name}:")), None)
        if column:
            texts = cells[column].filter(reasons.list.contains(reason)).drop_nulls()
            found[reason] = _shape(texts, count, reason, column)
    return {reason: words for reason, words in found.items() if words}


def _shape(texts: pl.Series, count: int, reason: str, column: str) -> str:
    """The commonest shape of these texts, "" if none is that of half of them; `count` are all there are."""
    size = len(texts)
    shapes = [name for name in _SHAPES if name not in _FOR_EMAIL or "mail" in reason.lower()]
    having = {name: int(texts.str.contains(_SHAPES[name]).sum()) for name in shapes}
    name = max(having, key=lambda each: having[each])
    if not size or having[name] * 2 < size:
        return ""
    share = "all" if having[name] == size else f"{having[name]:,} of"
    where = f" in {share} {size:,}{' looked at' if size < count else ''}" if size > 1 else ""
    reading = _READ_BY.get(name, "") if name in _ANY or ":coerce_dtype(" in reason else ""
    way = f"; `contract.read: {{{column}: {reading}}}` reads it so" if reading else ""
    return f"{name}{where}{way}"


def by_own_form(hint: str, sentence: str) -> str:
    """The hint; where its cells have the form that the sentence asks for, that they are no days by it."""
    name = next((each for each in _SHAPES if hint.startswith(each)), "")
    forms = name.removeprefix("looks like ").split(" or ")
    if "looks like" not in name or not any(f"{form}." in sentence for form in forms):
        return hint
    swapped = ", or has day and month the other way round" * (len(forms) > 1)
    return hint.replace(name, f"is written so and is no day of the calendar{swapped}", 1)


def ends_in_totals(rejects: bytes) -> bool:
    """Whether the last of these lines of a rejects file looks like one of totals."""
    last = rejects.rstrip(b"\n").rpartition(b"\n")[2].decode("utf-8", "replace")
    return bool(_TOTALS.search(last))
