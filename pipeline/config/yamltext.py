"""YAML 1.2 text -> plain values and the line of each key; problems are told without repeating the text.

ruamel does the parsing. Its own loader is not used, because a config gains by being read more strictly: a
key is the text it was written as (`007`, `NO`), nothing but null, true/false and numbers is more than text
(no dates, no `=`), no key stands twice, there are no tags and no merge keys, and what aliases stand for is
counted, so that a small file cannot become a large tree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.errors import ConfigError

Key = tuple[str, ...]
MAX_DEPTH, MAX_VALUES = 10, 10_000
_TAG = "tag:yaml.org,2002:"


def place(file: str, lines: Mapping[Key, int], key: Key) -> str:
    """How a message names a key: file, its line (or its section's) where that is known, the dotted key."""
    line = next((lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in lines), None)
    return f"{file}, line {line}: {'.'.join(key)}" if line else f"{file}: {'.'.join(key)}"


def parse(file: str, text: str) -> tuple[Any, dict[Key, int]]:
    """What the text says, in dicts, lists and plain values (None if nothing), and the line of each key.

    Raises ConfigError with the line of what is wrong; `file` is what messages call the text.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    yaml = YAML(typ="safe", pure=True)
    tree = _Tree(file, yaml.constructor)
    try:
        root = yaml.compose(text)
        return (None if root is None else tree.value(root, ())), tree.lines
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}, line {mark.line + 1}, column {mark.column + 1}" if mark else file
        problem = _words(error)
    except ReaderError as error:
        where = f"{file}, line {text.count(chr(10), 0, error.position) + 1}"
        problem = "a character that no text file holds"
    except (YAMLError, RecursionError):
        where, problem = file, "it cannot be taken apart"
    raise ConfigError(
        f"{where}: not valid YAML: {problem}.", hint="Check indentation, colons and quotes at that place."
    )


def _words(error: Any) -> str:
    """The parser's own words, first line, without what it quotes from the text: that could be a secret."""
    words = str(error.problem or error.context or "unreadable").split("\n")[0]
    return re.sub(r"'[^']*'|\".*\"", lambda quoted: quoted[0] if len(quoted[0]) < 5 else "…", words)


class _Tree:
    """The nodes of one text on their way to plain values."""

    def __init__(self, file: str, constructor: Any) -> None:
        self.file, self.constructor = file, constructor
        self.lines: dict[Key, int] = {}
        self.count = 0

    def value(self, node: Any, key: Key) -> Any:
        self.count += 1
        if len(key) > MAX_DEPTH or self.count > MAX_VALUES:
            self.fail(node, "more values, or deeper nested ones, than a config can have")
        if node.id == "mapping":
            return self.mapping(node, key)
        if node.id == "sequence":
            keys = [(*key, str(i)) for i in range(len(node.value))]
            self.lines |= {at: item.start_mark.line + 1 for at, item in zip(keys, node.value, strict=True)}
            return [self.value(item, at) for at, item in zip(keys, node.value, strict=True)]
        return self.scalar(node)

    def mapping(self, node: Any, key: Key) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for name, value in node.value:
            if name.id != "scalar":
                self.fail(name, "a key is a single text")
            at = (*key, name.value)
            if name.value in mapping:
                problem = f"{'.'.join(at)} stands here twice, first in line {self.lines[at]}"
                self.fail(name, problem, "Put all that belongs below it under the first one.")
            self.lines[at] = name.start_mark.line + 1
            mapping[name.value] = self.value(value, at)
        return mapping

    def scalar(self, node: Any) -> Any:
        if not str(node.tag).startswith(_TAG):
            self.fail(node, "tags (!name) have no meaning in a config")
        kind = str(node.tag).removeprefix(_TAG)
        if kind not in ("null", "bool", "int", "float"):
            return node.value
        try:
            return getattr(self.constructor, f"construct_yaml_{kind}")(node)
        except (ValueError, KeyError):
            return self.fail(node, f"this is no {kind}")

    def fail(self, node: Any, problem: str, hint: str = "The README shows how a config looks.") -> Any:
        raise ConfigError(f"{self.file}, line {node.start_mark.line + 1}: {problem}.", hint=hint)
