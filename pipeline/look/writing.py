"""What was seen in a file, as a config and a contract with a comment for each guess, and in words."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from pipeline import starter
from pipeline.errors import SourceError
from pipeline.look import Column, Look, look
from pipeline.look.contract import contract, own_name
from pipeline.look.languages import IN_ENGLISH
from pipeline.terminal import INDENT, hanging, next_line

CONFIG, CONTRACT = "config.yaml", "schemas/contact.py"
_FILES = (".csv", ".gz", ".tsv", ".txt")  # that are no folders to be made
_COMMENT_AT = 48
_DELIVERY = """
# stage:
#   bucket: my-bucket
#   prefix: netcore/
#   expires_in: 1d
#
# submit:
#   idc: us                       # us, india or eu
#   api_key: ${NETCORE_API_KEY}   # always from the environment, or api_key_file
#   listid: 42
"""


def begin(place: Path, output: Path | None, program: str) -> list[str]:
    """What `init` has to say: of a file, whose config goes to `output`; or of the example, put into a folder.

    `program` is how the command line is called.

    Raises SourceError for a file with nothing to see, ConfigError where something is there already.
    """
    if output or place.is_file() or place.suffix.lower() in _FILES or str(place) == "-":
        if not place.exists():
            raise SourceError(
                f"{place}: there is no such file", hint="Name a file; what is piped, save first."
            )
        return write(look(place), output or Path(), program)
    return [str(path) for path in starter.write(place)]


def write(seen: Look, folder: Path, program: str) -> list[str]:
    """Write config and contract to `folder`; the lines that say what was guessed and what could not be.

    Raises ConfigError where one of them is there already, or cannot be written.
    """
    files = {CONFIG: config(seen, folder), CONTRACT: contract(seen)}
    written = starter.write_new(folder, {name: text.encode() for name, text in files.items()})
    command = f"{program} validate -c {shlex.quote(str(written[0]))} --output out/"
    report = map(hanging, _report(seen))
    return [*report, "", *(f"{'written':<{INDENT}}{path}" for path in written), next_line(command)]


def config(seen: Look, folder: Path) -> str:
    """The text of the config, for `folder`."""
    lines = [
        f"# From a look at the first {seen.records:,} records of {seen.path.name}. Every guess has its",
        "# reason behind it: read them, and change what is wrong. The README describes every key.",
        _line("sandbox: true", "storage and API on this machine; take it out for real work"),
        "",
        *_source(seen, folder),
        "",
        "contract:",
        f"  schema: {CONTRACT}:CONTACT",
        *_primary_key(seen),
        _line("  max_rejected: 2%", "with more rejects than that nothing is sent"),
        *_readings(seen),
    ]
    return "\n".join(lines) + "\n" + _DELIVERY


def source_block(seen: Look) -> list[str]:
    """How the file is written and what its columns are called: keys of `source`, indented, but its path."""
    return list(_written(seen)) + list(_columns(seen))


def _source(seen: Look, folder: Path) -> Iterator[str]:
    path = os.path.relpath(seen.path, folder)
    yield "source:"
    yield f"  path: {json.dumps(path, ensure_ascii=False)}"
    yield from source_block(seen)


def _written(seen: Look) -> Iterator[str]:
    layout = seen.layout
    if layout.delimiter != ",":
        yield _line(
            f"  delimiter: {json.dumps(layout.delimiter)}", f"its rows come out even with {layout.called}"
        )
    if seen.sample.encoding:
        yield _line(f"  encoding: {seen.sample.encoding}", seen.sample.why)
    if layout.skip_rows:
        yield _line(f"  skip_rows: {layout.skip_rows}", "lines before the header")
    if layout.footer:
        yield _line(
            f"  footer: {json.dumps(layout.footer, ensure_ascii=False)}",
            "how the line after the last record begins",
        )


def _columns(seen: Look) -> Iterator[str]:
    changed = [column for column in seen.columns if own_name(column) != column.match.name]
    unnamed = "" in seen.layout.header
    if changed or unnamed:
        yield "  columns:"
    for column in changed:
        name = json.dumps(column.match.name, ensure_ascii=False)
        yield _line(f"    {name}: {own_name(column) or 'null'}", _confidence(column))
    if unnamed:
        yield _line('    "": null', "columns without a name are left out")


def _confidence(column: Column) -> str:
    match = column.match
    if match.confidence == "perhaps":
        left_out = "" if own_name(column) else "left out; "
        return f"{left_out}perhaps {match.attribute}: {match.why}"
    if match.confidence == "own":
        return f"own attribute: {match.why}; null leaves it out"
    if match.confidence == "unnamed":
        return f"left out until you name its attribute: {match.why}"
    return f"{match.confidence}: {match.why}"


def _primary_key(seen: Look) -> Iterator[str]:
    if seen.primary_key:
        why = "filled and different in nearly all that was looked at; must be your account's key"
        yield _line(f"  primary_key: {seen.primary_key}", why)
    else:
        yield _line("  # primary_key: EMAIL", "no column was filled and different throughout")


def _readings(seen: Look) -> Iterator[str]:
    taken = [column for column in seen.columns if column.read and own_name(column)]
    yield "  read:" if taken else "  # read:"
    for column in taken:
        yield _line(f"    {own_name(column)}: {json.dumps(column.read, ensure_ascii=False)}", column.why)
    for column in _open(seen):
        yield f"    # {own_name(column)}: only you can know ({column.why})"
        yield from (
            f"    # {own_name(column)}: {json.dumps(words, ensure_ascii=False)}" for words in column.choices
        )


def _open(seen: Look) -> list[Column]:
    return [column for column in seen.columns if column.choices and own_name(column)]


def _line(text: str, comment: str) -> str:
    return f"{text:<{_COMMENT_AT}}# {comment}"


def _report(seen: Look) -> Iterator[str]:
    layout = seen.layout
    yield f"{seen.path.name}, by its first {seen.records:,} records:"
    yield f"  {layout.called} between cells, {seen.sample.name} ({seen.sample.why})"
    if layout.skip_rows:
        yield f"  {layout.skip_rows} line{'s' * (layout.skip_rows > 1)} before the header"
    if layout.footer:
        yield f"  a totals line at the end, which begins with {layout.footer}"
    yield f"  {len(layout.header)} columns, named in {IN_ENGLISH[seen.language]}"
    width = max(len(own_name(column)) for column in seen.columns)
    for column in seen.columns:
        read = (
            f", read as {column.read}"
            if column.read
            else f", {column.digits} digits"
            if column.digits
            else ""
        )
        kind = {"own": "own attribute", "unnamed": "left out"}.get(
            column.match.confidence, column.match.confidence
        )
        yield f"  {own_name(column):<{width}}  {column.match.name}: {kind}{read}"
    left = list(_left(seen))
    yield from ["left to you:", *(f"  {line}" for line in left)] if left else []


def _left(seen: Look) -> Iterator[str]:
    """What could not be guessed, or wants a person's eye."""
    for column in seen.columns:
        name = own_name(column) or column.match.name
        if column.match.confidence == "perhaps":
            yield f"{name}: is it {column.match.attribute}? {column.match.why}"
        if column.match.confidence == "unnamed":
            yield f"{name}: name its attribute under source.columns, or leave it out"
        if len(column.choices) == 1:
            yield f"{name}: {column.why}; if one does, say so under contract.read, as in {column.choices[0]}"
        elif column.choices:
            yield f"{name}: one of {', '.join(column.choices)} under contract.read ({column.why})"
        if column.match.attribute == "POSTAL_CODE" and column.why and not column.digits:
            yield f"{name}: {column.why}"
    if not seen.primary_key:
        yield "contract.primary_key: no column was filled and different throughout"
    if seen.sample.why.startswith("a guess"):
        yield f"source.encoding: {seen.sample.why}"
    if not seen.sample.tail:
        yield "the end of a packed file was not looked at: is there a totals line? Then set source.footer"
    if seen.layout.odd or seen.layout.last_is_odd:
        yield "some lines have more or fewer cells than the header: these will be rejects"
