"""Damaged identifiers and phone numbers under the default contract: each is rejected by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from field import refused, validated
from world import as_csv

GOOD = {"CUSTOMER_ID": "000123", "LOYALTY_ID": "00001234", "POSTAL_CODE": "01067", "MOBILE": "919876543210"}
WRAPPED = {
    "no_disguise": (
        *('="{0}"', "={0}", '"{0}"', "“{0}”", "\t{0}", "\x1f{0}", "{0}\xa0", "{0}\n", "\x0b{0}", "\u3000{0}"),
        *("#N/A", "#NV", "#N/D", "#REF!", "#BEZUG!", "#¿NOMBRE?", "#DIV/0!", "#VALUE!", "#########"),
        *("\u200b{0}", "{0}\u200b", "\u202a{0}\u202c", "\u200e{0}", "\ufeff{0}", "{0}\u2060", "\xad{0}"),
    ),
    "no_leading_apostrophe": ("'{0}", "’{0}", "‘{0}", "`{0}", "´{0}"),
    "no_trailing_decimal": ("{0}.0", "{0},0", "{0},00", "{0}.00"),
}


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("column", GOOD)
def test_wrapped_invisible_and_decimal_texts_are_rejected_by_name(
    tmp_path: Path, column: str, name: str
) -> None:
    forms = dict(enumerate(WRAPPED[name]))
    rows = [[f"{number}@example.com", form.format(GOOD[column])] for number, form in forms.items()]
    rows.append(["good@example.com", GOOD[column]])
    got = validated(tmp_path, as_csv([["EMAIL", column], *rows]))
    assert [row[column] for row in got.accepted] == [GOOD[column]]
    for number, form in forms.items():
        found = got.reasons[f"{number}@example.com"]
        assert f"{column}:{name}" in found, form
        assert set(found) <= {f"{column}:{name}", f"{column}:phone"}, form


LOCAL = ["0172 2685995", "0172/2685995", "(030) 2345678", "030 2345678"]


def test_a_number_without_country_code_is_a_reject_that_says_so(tmp_path: Path) -> None:
    rows = [["EMAIL", "MOBILE"], *([f"{i}@example.com", number] for i, number in enumerate(LOCAL))]
    rows.append(["whole@example.com", "+49 172 2685995"])
    got = validated(tmp_path, as_csv(rows))
    assert got.result.reasons == {"MOBILE:phone": 4, "MOBILE:no_missing_country_code": 4}
    assert [row["MOBILE"] for row in got.accepted] == ["+49 172 2685995"]
    got = validated(tmp_path, as_csv(rows), region="DE")
    assert [row["MOBILE"] for row in got.accepted] == [*LOCAL, "+49 172 2685995"]


def test_a_region_of_the_contract_s_own_stays(tmp_path: Path) -> None:
    (tmp_path / "c.py").write_text(
        "import pandera.pandas as pa\nimport pipeline.checks\n"
        "C = pa.DataFrameSchema({'EMAIL': pa.Column(str),"
        "'FAX': pa.Column(str, pa.Check.phone(), nullable=True),"
        "'MOBILE': pa.Column(str, pa.Check.phone(region='US'))})\n"
    )
    rows = [
        ["a", "202 555 0123", "030 2345678"],
        ["b", "0172 2685995", "030 2345678"],
        ["c", "+12025550123", ""],
    ]
    text, schema = as_csv([["EMAIL", "MOBILE", "FAX"], *rows]), str(tmp_path / "c.py:C")
    own = {"MOBILE:phone(region=US)": 1}
    assert validated(tmp_path, text, schema=schema, region="DE").result.reasons == own
    assert validated(tmp_path, text, schema=schema).result.reasons == own | {"FAX:phone": 2}


def test_a_region_that_phone_numbers_do_not_have_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "EMAIL\na@b.co\n", "contract.region", "XX", region="XX").exit_code == 2
    assert (
        refused(tmp_path, "EMAIL\na@b.co\n", "contract.region", "two-letter", region="Germany").exit_code == 2
    )


def test_several_values_in_a_cell_are_no_phone_number(tmp_path: Path) -> None:
    one, other = "+919876543210", "+919876543211"
    joined = [f"{one}{between}{other}" for between in (";", ",,", ", ", "\n", " / ", "/", " | ", " or ", " ")]
    several = [*joined, *(text.replace("+", "") for text in joined)]
    several += [f"CALL {one}", f"={one}", f"wa: {one}", f"{one} (home)", f"{one}, 12", f"{one} # 12"]
    rows = [[f"{number}@example.com", text] for number, text in enumerate(several)]
    rows.append(["good@example.com", "+91 98765 43210 ext. 12"])
    got = validated(tmp_path, as_csv([["EMAIL", "MOBILE"], *rows]))
    assert [row["EMAIL"] for row in got.accepted] == ["good@example.com"]
    assert got.result.reasons["MOBILE:phone"] == len(several)
