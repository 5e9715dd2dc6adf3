"""The text of a value that the contract itself made: a parser's output, a default."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd


def write(value: Any) -> str:
    """The text of one value: what a person would write, and what typed.py reads back as the same.

    Null is empty, True is `true`, whole floats have no point and none an exponent, dates and date-times
    are ISO. Raises TypeError for what is not a single value of these kinds.
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    match value:
        case str():
            return value
        case bool() | np.bool_():
            return str(value).lower()
        case int() | np.integer():
            return str(value)
        case float() | np.floating():
            return "" if np.isnan(value) else np.format_float_positional(value, trim="-")
        case Decimal():
            return f"{value:f}"
        case dt.date():
            return value.isoformat()
    raise TypeError(type(value).__name__)
