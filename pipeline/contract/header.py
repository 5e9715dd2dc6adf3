"""What of a contract is decided on the header: which columns are there, known, and in which order."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from pipeline.contract.rules import ANY_FILLED, Rules
from pipeline.errors import SourceError


def check_header(rules: Rules, columns: Sequence[str], source: str) -> None:
    """Raise SourceError with all that the contract has against these columns of `source`, if anything."""
    known = [name for name in columns if rules.rule(name)]
    if not known:
        # What stands in for a header here may well be a contact: only what is surely none is repeated.
        names = [rule.name for rule in rules.columns]
        alike = {column: name for column in columns for name in names if _plain(column) == _plain(name)}
        hint = (
            f"is the first line a header row (source.header_rows, source.skip_rows)? The contract's "
            f"columns are {', '.join(names)}; source.columns maps other names"
        )
        if alike:
            hint = "write under source: " + _mapping(alike)
        raise SourceError(f"{source}: none of its {len(columns)} columns is one of the contract's", hint=hint)
    unknown = [name for name in columns if name not in known]
    missing = list(_missing(rules, known))
    faults = [f"column {name} is missing" for name in missing]
    if rules.strict == "refuse" and unknown:
        faults.append(f"the contract does not know {_listed(unknown)}")
    faults += _out_of_order(rules, known)
    if faults:
        hints = [*_likely(missing, unknown, rules)] or [
            "source.columns maps a source's own names to the contract's"
        ]
        raise SourceError(f"{source}: " + "; ".join(faults), hint="; ".join(hints))


def _missing(rules: Rules, known: Sequence[str]) -> Iterator[str]:
    for rule in rules.columns:
        if rule.required and not any(map(rule.matches, known)):
            yield rule.name
    for check in rules.rows:
        if check.kind == ANY_FILLED and not set(check.args["columns"]) & set(known):
            yield " or ".join(check.args["columns"])


def _out_of_order(rules: Rules, known: Sequence[str]) -> Iterator[str]:
    if rules.ordered:
        expected = list(rules.bind(known).columns)
        for found, wanted in zip(known, expected, strict=True):
            if found != wanted:
                yield f"column {found} stands where {wanted} should be (the contract is ordered)"
                return


def _likely(missing: Sequence[str], unknown: Sequence[str], rules: Rules) -> Iterator[str]:
    """For a column that is missing or not known, its likely other name, with how to say so."""
    if missing:
        for wanted in missing:
            if near := _nearest(wanted, unknown):
                yield f'is "{near}" the column {wanted}? Then write under source: {_mapping({near: wanted})}'
    elif rules.strict == "refuse":
        for name in unknown:
            if near := _nearest(name, [rule.name for rule in rules.columns if not rule.regex]):
                yield f'is "{name}" meant for {near}?'
        yield "contract.unknown_columns: keep or drop lets unknown columns pass"


def _nearest(name: str, names: Sequence[str]) -> str | None:
    """The one of `names` that is most like `name` in its letters and digits, whatever their case."""
    plain = {_plain(other): other for other in names}
    near = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.5)
    return plain[near[0]] if near else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _mapping(columns: Mapping[str, str]) -> str:
    """The key of the config that maps these columns, ready to be copied."""
    return (
        f"columns: {{{', '.join(f'{json.dumps(k, ensure_ascii=False)}: {v}' for k, v in columns.items())}}}"
    )


def _listed(names: Sequence[str], most: int = 10) -> str:
    listed = ", ".join(f'"{name[:40]}"' for name in names[:most])
    return listed + (f" and {len(names) - most} more columns" if len(names) > most else "")
