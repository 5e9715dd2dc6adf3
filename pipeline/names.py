"""How columns are called: by people, who spell one name in many ways, and by us, where one is left out."""

from __future__ import annotations

import re
from collections.abc import Sequence

ADDED = ("_reasons", "_why", "_raw")  # what a rejects file adds behind a record's place
_OLDER = ("_reasons", "_raw")
FRAME = "The DataFrame"  # what messages call one
LEFT_OUT = "\0"  # how the name of a column begins that is not staged, and that no contract may see


def plain_name(name: str) -> str:
    """The name without what people and programs write differently: case, blanks, dashes, underscores."""
    return re.sub(r"[\s_\-\u2010-\u2015\u2212]", "", name).casefold()


def columns_added(names: Sequence[str]) -> tuple[str, ...]:
    """What the columns that a rejects file of ours has added are called from here on; () for any other table.

    No column of a source can be called so.
    """
    for behind in (ADDED, _OLDER):
        size = len(behind) + 1
        if len(names) > size and names[-size] in ("_line", "_row") and tuple(names[1 - size :]) == behind:
            return ("\0place", *(name.replace("_", "\0") for name in behind))
    return ()
