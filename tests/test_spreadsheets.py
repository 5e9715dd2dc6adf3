"""Spreadsheet damage is told from what looks like it, by `re` and by polars alike."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.formats import spreadsheets

DAMAGE: list[tuple[str, list[str], list[str]]] = [
    (
        spreadsheets.scientific_notation,
        ["9.19E+11", "9,19E+11", "9E+11", "9.19877E+11", "9.19e11", "-1.5E-07", "1E+12"],
        ["9E11", "E+11", "9.19E+11 ", "9.19E+11\n", "x9.19E+11", "919E", "12E5", "9.E+11", "٩.19E+11", ""],
    ),
    (
        spreadsheets.trailing_decimal,
        [
            *("919876543210.0", "1.0", "0012.00", "-5.0", "+91987.0", "919876543211,00", "4012345,0", "1,0"),
            *("4,012,345.00", "4.012.345,00", "1.067,0"),
        ],
        ["919876543210", "1.5", "1.0.0", "v1.0", "1.0\n", ".0", "1.", "1,5", "٩.0", "", "919.876.543.000"],
    ),
    (
        spreadsheets.apostrophe,
        ["'919876543210", "'", "'\n", "'0012", "''", "’1", "‘1’", "`1", "´1", "′1"],
        ["919876543210", "D'Souza", " '1", "\n'", "O’Neil", ""],
    ),
    (
        spreadsheets.disguise,
        [
            *(
                '="0123"',
                "=0123",
                "＝0123",
                '"0123"',
                "“0123”",
                '01"23',
                "«1»",
                "0123\xa0",
                "0123\u3000",
                "0123\u2007",
            ),
            *(
                "\t0123",
                "\x1f0123",
                "0123\n",
                "0123\r",
                "\x000123",
                "\x7f1",
                "\x851",
                "01\xad23",
                "0123\ufe0f",
            ),
            *("\u200b0123", "\u202a0123\u202c", "\u200e0123", "\ufeff0123", "01\u200d23", "01\u206023"),
            *("0123\U000e0020",),
        ],
        [
            "0123",
            "01067 ",
            " 1",
            "A-1/2_3.4",
            "É1",
            "漢字",
            "१२",
            "0123’",
            "1=2",
            "+911",
            "e\u0301",
            "-1",
            "",
        ],
    ),
    (
        spreadsheets.shorter_than(5),
        ["1067", "1", "0"],
        ["01067", "10670", "123456", "1O67", "1067\n", "١٠٦٧", ""],
    ),
]


@pytest.mark.parametrize(("pattern", "damaged", "sound"), DAMAGE)
def test_damage_is_told_from_what_looks_like_it(pattern: str, damaged: list[str], sound: list[str]) -> None:
    assert [text for text in damaged + sound if spreadsheets.damaged(text, pattern)] == damaged


@given(
    st.text("'0019.,+-eE =\"\n\x00\x1fé٣’\u200b\xa0", max_size=9),
    st.sampled_from([pattern for pattern, _, _ in DAMAGE]),
)
def test_the_fast_form_of_damage_is_exact(text: str, pattern: str) -> None:
    screened = pl.DataFrame({"text": [text]}).select(spreadsheets.fails(pl.col("text"), pattern)).item()
    assert screened is spreadsheets.damaged(text, pattern)


def test_a_length_that_can_lose_no_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="2 or more"):
        spreadsheets.shorter_than(1)
