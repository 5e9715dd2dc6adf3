"""The grammar of a CSV record as regular expressions, and the careful tokenizer that goes by it.

Possessive throughout, so that no input makes them slow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV is written: single ASCII characters; quotechar "" means that nothing is quoted.

    With an escapechar a cell that is nothing but it and `N` is empty: so databases write their null.
    """

    delimiter: str = ","
    quotechar: str = '"'
    escapechar: str | None = None

    def fields(self, record: bytes) -> list[bytes]:
        """The fields of one well-formed record (without its line end), unquoted: the careful tokenizer."""
        rules = grammar(self)
        null = f"{self.escapechar}N".encode() if self.escapechar else None
        values, at = [], 0
        while True:
            found = rules.field.match(record, at)
            if found is None:
                raise ValueError("not a well-formed record")
            value = found[1] if found[1] is not None else found[2]
            if value == null and found[1] is None:
                value = b""
            elif found[1] is not None or self.escapechar:
                value = rules.doubled.sub(lambda pair: pair[1] or pair[0][:1], value)
            values.append(value)
            if found.end() == len(record):
                return values
            at = found.end() + 1


@dataclass(frozen=True, slots=True)
class Grammar:
    record: re.Pattern[bytes]
    field: re.Pattern[bytes]
    doubled: re.Pattern[bytes]


@lru_cache(maxsize=16)
def grammar(dialect: Dialect) -> Grammar:
    """The rule as regular expressions; possessive, so that no input makes them slow.

    In `record` the group `end` is what follows a well-formed record, `open` a last field that is not
    closed where the text ends.
    """
    d = re.escape(dialect.delimiter.encode())
    q = re.escape(dialect.quotechar.encode())
    e = re.escape((dialect.escapechar or "").encode())
    taken = rb"|%s(?:\r\n|[\s\S])" % e if e else b""
    plain = rb"(?:[^%s%s%s\r\n]++%s)*+" % (d, q, e, taken)
    inside = rb"(?:[^%s%s]++|%s%s%s)*+" % (q, e, q, q, taken)
    quoted = rb"%s%s%s" % (q, inside, q)
    field = rb"(?:%s|%s)" % (quoted, plain) if q else plain
    unclosed = [rb"%s%s%s" % (q, inside, e and e + b"?")] * bool(q) + [plain + e] * bool(e)
    still_open = rb"|(?P<open>(?:%s)\Z)" % b"|".join(unclosed) if unclosed else b""
    record = rb"(?:%s%s)*+(?:%s(?P<end>\r\n|[\r\n]|\Z)%s)" % (field, d, field, still_open)
    either = rb"%s(%s)%s|" % (q, inside, q) if q else rb"(?!)()|"
    one = rb"(?:%s(%s))(?=%s|\Z)" % (either, plain, d)
    pairs = [rb"%s(\r\n|[\s\S])" % e if e else rb"(?!)()"] + [q + q] * bool(q)
    return Grammar(re.compile(record), re.compile(one), re.compile(b"|".join(pairs)))
