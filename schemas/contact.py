"""The default contract for contacts: what the platform's usual attributes may hold, a sentence a check.

A file need not have all of these columns: an address and a name will do. Columns that are not described
here are custom attributes and kept as they are. The primary key (contract.primary_key in the config) adds
that it must be there, filled and unique. Copy this file and change it to what your contacts are like.
"""

import datetime as dt

import pandera.pandas as pa

import pipeline.checks  # noqa: F401 - registers email, phone and the checks for spreadsheet damage

LOYALTY_ID_LENGTH = 8  # the one id here of a fixed length: with fewer digits it has lost leading zeros
GENDERS = ["M", "F", "O", "U", "Male", "Female", "Other", "Unknown", "male", "female", "other", "unknown"]
YES_OR_NO = ["Y", "N", "Yes", "No", "yes", "no", "true", "false", "True", "False", "TRUE", "FALSE", "1", "0"]


def optional(dtype: object, *checks: pa.Check, what: str, unique: bool = False) -> pa.Column:
    """A column that may be left out, or blank here and there; of several equal cells the first is good."""
    return pa.Column(
        dtype,
        list(checks),
        unique=unique,
        report_duplicates="exclude_first",
        nullable=True,
        required=False,
        description=what,
    )


def text(longest: int, what: str) -> pa.Column:
    """Free text, optional."""
    sentence = f"Must have at most {longest} characters."
    fits = pa.Check.str_length(max_value=longest, error="too_long", description=sentence)
    return optional(str, fits, what=what)


def undamaged(length: int | None = None) -> list[pa.Check]:
    """Checks for what spreadsheets do to numbers that are meant as text."""
    checks = [
        pa.Check.no_scientific_notation(description="Must not be written like 9.19E+11: digits are lost."),
        pa.Check.no_trailing_decimal(
            description="Must not end like 919876543210.0: it went through a column of decimals."
        ),
        pa.Check.no_leading_apostrophe(
            description="Must not begin with an apostrophe, like '919876543210: it is a spreadsheet's own."
        ),
        pa.Check.no_disguise(
            description='Must be bare: no ="0123", #N/A, quotes, tab, no-break space or zero-width character.'
        ),
    ]
    if length:
        sentence = f"Must have {length} digits: one with fewer has lost its leading zeros."
        lost = pa.Check.no_lost_leading_zero(
            length=length, error="no_lost_leading_zero", description=sentence
        )
        checks.append(lost)
    return checks


def date_between(first: dt.date, last: dt.date, sentence: str) -> pa.Check:
    """A check of a date by its bounds, both allowed."""
    return pa.Check.in_range(first, last, error="in_range", description=sentence)


CONTACT = pa.DataFrameSchema(
    {
        "CUSTOMER_ID": optional(
            str,
            *undamaged(),
            unique=True,
            what="Your own id of the contact; no other contact has the same.",
        ),
        "LOYALTY_ID": optional(
            str,
            *undamaged(LOYALTY_ID_LENGTH),
            unique=True,
            what="Number of the loyalty card, eight digits; no other contact has the same.",
        ),
        "EMAIL": optional(
            str,
            pa.Check.email(description="Must be one e-mail address, by the rules of the standards."),
            unique=True,
            what="E-mail address; no other contact has the same.",
        ),
        "MOBILE": optional(
            str,
            pa.Check.phone(
                error="phone", description="Must be one number that can be dialled, and nothing else."
            ),
            pa.Check.no_missing_country_code(
                error="no_missing_country_code",
                description="Must have its country code, unless contract.region says which one is meant.",
            ),
            *undamaged(),
            what="Mobile number with its country code, with or without a plus.",
        ),
        "FIRST_NAME": text(100, "Given name."),
        "LAST_NAME": text(100, "Family name."),
        "GENDER": optional(
            str,
            pa.Check.isin(GENDERS, error="isin", description="Must be M, F, O or U, or the word in English."),
            what="Gender.",
        ),
        "DOB": optional(
            pa.Date,
            date_between(dt.date(1900, 1, 1), dt.date.today(), "Must be from 1900 until today."),
            what="Date of birth, as YYYY-MM-DD.",
        ),
        "AGE": optional(
            "Int64",
            pa.Check.in_range(0, 120, error="in_range", description="Must be from 0 to 120 years."),
            what="Age in years.",
        ),
        "COMPANY": text(200, "Employer."),
        "ADDRESS": text(500, "Postal address, in one line or several."),
        "CITY": text(100, "City."),
        "STATE": text(100, "State, province or prefecture."),
        "POSTAL_CODE": optional(
            str,
            pa.Check.str_length(
                max_value=12, error="too_long", description="Must have at most 12 characters."
            ),
            *undamaged(),
            what="Postal code; a text, for its leading zeros and its letters.",
        ),
        "COUNTRY": optional(
            str,
            pa.Check.str_matches(
                r"[A-Z]{2}\Z", error="str_matches", description="Must be two capital letters, by ISO 3166."
            ),
            what="Country, by its two-letter code.",
        ),
        "LANGUAGE": optional(
            str,
            pa.Check.str_matches(
                r"[a-z]{2,3}(-[A-Za-z]{2,4})?\Z",
                error="str_matches",
                description="Must be two or three small letters, a region or script after a dash: pt, pt-BR.",
            ),
            what="Language, by its ISO 639 code.",
        ),
        "SIGNUP_DATE": optional(
            "datetime64[ns]", what="When the contact signed up: a date, or date and time."
        ),
        "LAST_PURCHASE": optional(
            "datetime64[ns]", what="When the contact last bought: a date, or date and time."
        ),
        "OPT_IN": optional(
            str,
            pa.Check.isin(
                YES_OR_NO, error="isin", description="Must be yes or no, in one of the usual ways."
            ),
            what="Whether the contact agreed to be written to.",
        ),
    },
    strict=False,
    name="contact",
    description="A contact of the platform.",
)
