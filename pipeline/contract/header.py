"""What of a contract is decided on the header: which columns are there, known, and in which order."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from pipeline.contract.rules import ANY_FILLED, Rules
from pipeline.errors import SourceError
from pipeline.handoffs import Header
from pipeline.names import FRAME, LEFT_OUT, plain_name

# What pandas puts behind a name that stands twice, or in both of two merged frames; and calls what has none.
_SUFFIX = re.compile(r"(.+?)(?:\.[0-9]+|_[xy])")
_UNNAMED = re.compile(r"Unnamed: [0-9]+(_level_[0-9]+)?")


def check_header(rules: Rules, columns: Sequence[str], source: str) -> None:
    """Raise SourceError with all that the contract has against these columns of `source`, if anything."""
    known = [name for name in columns if rules.rule(name)]
    if not known:
        raise _nothing_known(rules, columns, source)
    unknown = [name for name in columns if name not in known]
    mapping, faults = _near_misses(rules, known, unknown)
    missing = [name for name in _missing(rules, known) if name not in mapping.values()]
    faults += [f"column {name} is missing" for name in missing]
    others = [name for name in unknown if name not in mapping]
    if rules.strict == "refuse" and others:
        faults.append(f"the contract does not know {_listed(others)}")
    faults += _out_of_order(rules, known)
    if faults:
        hints = [f"write under source: {_mapping(mapping)} (null leaves a column out)"] if mapping else []
        hints += _likely(missing, others, rules)
        hint = "; ".join(hints) or "source.columns maps a source's own names to the contract's"
        raise SourceError(f"{source}: " + "; ".join(faults), hint=hint)


def header_warnings(rules: Rules, header: Header) -> list[str]:
    """A sentence about the columns that the contract does not know, if there are any."""
    named = [name for name in header.columns if not name.startswith(LEFT_OUT)]
    unknown = [name for name in named if not rules.rule(name)]
    if not unknown:
        return []
    what = "left out" if rules.strict == "drop" else "staged unchecked, as custom attributes"
    return [f"The contract does not know {_listed(unknown, most=50)}: {what}."]


def _nothing_known(rules: Rules, columns: Sequence[str], source: str) -> SourceError:
    # What stands in for a header here may well be a contact: only what is surely none is repeated.
    names = [rule.name for rule in rules.columns]
    alike = {column: name for column in columns for name in names if _plain(column) == _plain(name)}
    first = "is the first line a header row (source.header_rows, source.skip_rows)? " * (source != FRAME)
    hint = f"{first}The contract's columns are {', '.join(names)}; source.columns maps other names"
    if alike:
        hint = "write under source: " + _mapping(alike)
    return SourceError(f"{source}: none of its {len(columns)} columns is one of the contract's", hint=hint)


def _near_misses(
    rules: Rules, known: Sequence[str], unknown: Sequence[str]
) -> tuple[dict[str, str | None], list[str]]:
    """The columns that are all but the contract's: what to map each to, and what is wrong with it."""
    names = {plain_name(rule.name): rule.name for rule in rules.columns if not rule.regex}
    mapping: dict[str, str | None] = {}
    faults = []
    for column in unknown:
        taken = {*known, *mapping.values()}
        meant, suffix = names.get(plain_name(column)), _SUFFIX.fullmatch(column)
        base = names.get(plain_name(suffix[1])) if suffix else None
        if meant and meant not in taken:
            mapping[column] = meant
            faults.append(f'column "{column}" differs from the contract\'s {meant} by its spelling only')
        elif base and (base not in taken or rules.strict != "drop"):
            mapping[column] = None if base in taken else base
            faults.append(f'column "{column}" is the contract\'s {base} with a suffix of pandas')
        elif _UNNAMED.fullmatch(column) and rules.strict != "drop":
            mapping[column] = None
            faults.append(f'column "{column}" is pandas\' name for one without (index=False writes none)')
    return mapping, faults


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


def _mapping(columns: Mapping[str, str] | Mapping[str, str | None]) -> str:
    """The key of the config that maps these columns, ready to be copied."""
    pairs = (f"{json.dumps(k, ensure_ascii=False)}: {v or 'null'}" for k, v in columns.items())
    return f"columns: {{{', '.join(pairs)}}}"


def _listed(names: Sequence[str], most: int = 10) -> str:
    listed = ", ".join(f'"{name[:40]}"' for name in names[:most])
    return listed + (f" and {len(names) - most} more columns" if len(names) > most else "")
