"""How columns are called: by people, who spell one name in many ways, and by us, where one is left out."""

from __future__ import annotations

import re

LEFT_OUT = "\0"  # how the name of a column begins that is not staged, and that no contract may see


def plain_name(name: str) -> str:
    """The name without what people and programs write differently: case, blanks, dashes, underscores."""
    return re.sub(r"[\s_\-\u2010-\u2015\u2212]", "", name).casefold()
