"""One look at a file that does not fit its config: all that the config should say of it, ready to paste."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import SourceError
from pipeline.look import Look, look

if TYPE_CHECKING:
    from pipeline.config import SourceConfig
    from pipeline.contract.rules import Rules


def with_all_facts(error: SourceError, source: Any, config: SourceConfig, rules: Rules) -> SourceError:
    """The error by which a file was refused, its hint with every key that a look at the file would change.

    `rules` are the contract's. Where there is one such key at most, its own hint says it.
    """
    if not isinstance(source, str | os.PathLike) or not Path(source).is_file():
        return error
    try:
        seen = look(Path(source))
    except SourceError:
        return error
    facts = list(_facts(seen, config, rules.names))
    if len(facts) > 1:
        block = "\n".join(f"    {line}" for fact in facts for line in fact)
        error.hint += f"\nA look at the file says all of this, to paste under source:\n{block}"
        if read := list(_readings(seen, rules)):
            error.hint += "\nand of its cells, to paste under contract:\n" + "\n".join(["    read:", *read])
    return error


def _readings(seen: Look, rules: Rules) -> Iterator[str]:
    """How the cells are written of columns that the contract reads as they are."""
    for column in seen.columns:
        rule, sure = rules.rule(column.match.attribute), column.match.confidence in ("sure", "likely")
        if column.read and sure and rule and not rule.read and not rule.parsed:
            yield f"      {column.match.attribute}: {column.read}"


def _facts(seen: Look, config: SourceConfig, names: Collection[str]) -> Iterator[list[str]]:
    """Each key under `source` that should be another, as its lines."""
    layout, encoding = seen.layout, seen.sample.encoding
    if layout.delimiter != config.delimiter:
        yield [f"delimiter: {json.dumps(layout.delimiter)}"]
    if encoding and codecs.lookup(encoding) != codecs.lookup(config.encoding or "utf-8"):
        yield [f"encoding: {encoding}  # {seen.sample.why}"]
    if layout.skip_rows != config.skip_rows:
        yield [f"skip_rows: {layout.skip_rows}"]
    if layout.footer and not config.footer:
        yield [f"footer: {_quoted(layout.footer)}"]
    own = {name: to for name, to in config.columns.items() if name in layout.header}
    found = {
        match.name: match.attribute
        for match in (column.match for column in seen.columns)
        if match.confidence in ("sure", "likely") and match.attribute in names and match.name not in own
    }
    other = {name: to for name, to in found.items() if name != to and to not in own.values()}
    if other or own.keys() != config.columns.keys():
        pairs = {**own, **other}.items()
        yield ["columns:", *(f"  {_quoted(name)}: {to or 'null'}" for name, to in pairs)]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
