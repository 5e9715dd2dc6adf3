"""`init FILE`: what is seen in exports of many countries, and that the config written goes on from there."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from world import as_csv, dicts_of

from pipeline import Result, SourceError, validate
from pipeline.cli import cli

ROWS = 60


@dataclass(frozen=True)
class Export:
    """An export as a country makes them: its header, its cells by row number, and how it is written."""

    header: str
    cells: Callable[[int], list[str]]
    mobile: str  # as staged, of row 0
    dob: str
    delimiter: str = ";"
    encoding: str = "utf-8"
    before: str = ""
    after: str = ""

    def write(self, folder: Path) -> Path:
        path = folder / "export.csv"
        rows = [self.header.split(";"), *(self.cells(n) for n in range(ROWS))]
        text = self.before + as_csv(rows, delimiter=self.delimiter, lineterminator="\r\n") + self.after
        path.write_bytes(text.encode(self.encoding))
        return path


def day(n: int) -> int:
    return n % 28 + 1


EXPORTS = {
    "English": Export(
        "Email Address;Phone;First Name;Last Name;Gender;Date of Birth;Street;City;State;Zip Code;Points",
        lambda n: [f"Pat{n}@Example.com", f"(202) 555-0{100 + n}", "Pat", "O'Hara", "Female",
                   f"{n % 12 + 1:02d}/{day(n):02d}/1980",
                   f"{n} Main St, Apt 4", "Boston", "MA", f"{2101 + n:05d}", str(n * 7)],
        "12025550100", "1980-01-01", ",", after="Grand Total,,,,,,,,,,12390\r\n",
    ),
    "German": Export(
        "E-Mail-Adresse;Handynummer;Vorname;Nachname;Geschlecht;Geburtsdatum;Straße;PLZ;Ort;Land;Umsatz",
        lambda n: [f"kunde{n}@example.com", f"0171 {2345678 + n}", "Jürgen", "Müller", "weiblich",
                   f"{day(n):02d}.12.1990",
                   f"Hauptstraße {n}", f"{1067 + n:05d}", "Köln", "Deutschland", f"1.{200 + n},50"],
        "491712345678", "1990-12-01", encoding="cp1252", before="Kundenliste, Stand 1.11.2026\r\n\r\n",
        after="Summe;;;;;;;;;;60\r\n",
    ),
    "French": Export(
        "Adresse e-mail;Téléphone portable;Prénom;Nom;Civilité;Date de naissance;Code postal;Ville;Pays",
        lambda n: [f"client{n}@example.com", f"06 12 34 56 {10 + n}", "Élodie", "Lefèvre", "Mme",
                   f"{day(n):02d}/03/1985",
                   f"{1000 + n:05d}", "Bourg-en-Bresse", "France"],
        "33612345610", "1985-03-01", encoding="cp1252", after="Total : 60 contacts;;;;;;;;\r\n",
    ),
    "Spanish": Export(
        "Correo electrónico;Móvil;Nombre;Apellidos;Sexo;Fecha de nacimiento;Código postal;Ciudad;País",
        lambda n: [f"cliente{n}@example.com", f"612 345 {100 + n}", "Begoña", "Núñez", "mujer",
                   f"{day(n)}/{n % 9 + 1}/1979",
                   f"{8001 + n:05d}", "Málaga", "España"],
        "34612345100", "1979-01-01", encoding="utf-8-sig",
    ),
    "Portuguese": Export(
        "E-mail;Celular;Nome;Sobrenome;Sexo;Data de nascimento;CEP;Cidade;Estado;Aceita marketing",
        lambda n: [f"pessoa{n}@example.com", f"(11) 98765-4{300 + n}", "João", "Conceição", "Masculino",
                   f"{day(n):02d}/11/1992",
                   f"{1310 + n:05d}-100", "São Paulo", "SP", "Sim"],
        "5511987654300", "1992-11-01", encoding="cp1252",
    ),
    "Italian": Export(
        "Indirizzo e-mail;Cellulare;Nome;Cognome;Sesso;Data di nascita;CAP;Città;Provincia",
        lambda n: [f"utente{n}@example.com", f"347 12345{10 + n}", "Niccolò", "Rossi", "maschio",
                   f"{day(n):02d}-10-1975",
                   f"{118 + n:05d}", "Forlì", "FC"],
        "393471234510", "1975-10-01", delimiter="\t",
    ),
    "Hindi": Export(
        "Email pata;Mobile sankhya;Pehla naam;Upnaam;Ling;Janm tithi;Shahar;Rajya;PIN code sankhya",
        lambda n: [f"grahak{n}@example.com", f"98765 43{200 + n}", "Asha", "Verma", "mahila",
                   f"{day(n):02d}-Jan-1995",
                   "Pune", "Maharashtra", str(411001 + n)],
        "919876543200", "1995-01-01", ",",
    ),
    "Arabic": Export(
        "البريد الإلكتروني;رقم الجوال;الاسم الأول;اسم العائلة;الجنس;تاريخ الميلاد;المدينة;الدولة",
        lambda n: [f"amil{n}@example.com", f"05012345{10 + n}", "ليلى", "الحربي", "أنثى",
                   f"{day(n):02d}/05/1991",
                   "الرياض", "المملكة العربية السعودية"],
        "966501234510", "1991-05-01", ",", encoding="cp1256",
    ),
    "Japanese": Export(
        "メールアドレス;携帯電話番号;姓;名;性別;生年月日;郵便番号;都道府県;住所",
        lambda n: [f"kokyaku{n}@example.com", f"090-1234-56{10 + n}", "山田", "花子", "女性",
                   f"1988/7/{day(n)}",
                   f"100-00{10 + n}", "東京都", "千代田区丸の内ビル"],
        "819012345610", "1988-07-01", ",", encoding="cp932", after="合計,60,,,,,,,\r\n",
    ),
}  # fmt: skip


def init(path: Path, folder: Path) -> str:
    """What `init` prints, having written to the folder."""
    done = CliRunner().invoke(cli, ["init", str(path), "--output", str(folder)])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def validated(folder: Path) -> Result:
    return validate(None, folder / "config.yaml", output=folder / "out")


@pytest.mark.slow
@pytest.mark.parametrize("country", EXPORTS)
def test_what_is_written_for_an_export_takes_all_of_it(tmp_path: Path, country: str) -> None:
    export = EXPORTS[country]
    said = init(export.write(tmp_path), tmp_path / "work")
    assert f"named in {country}" in said
    assert "left to you" not in said
    result = validated(tmp_path / "work")
    assert (result.rejected, result.accepted, result.reasons) == (0, ROWS, {})
    first = dicts_of(tmp_path / "work" / "out" / "accepted.csv")[0]
    assert (first["MOBILE"], first["DOB"]) == (export.mobile, export.dob)
    assert {"EMAIL", "MOBILE", "FIRST_NAME", "LAST_NAME", "GENDER", "DOB"} <= first.keys()
    assert result.changed.keys() <= {"EMAIL", "MOBILE", "DOB", "COUNTRY", "UMSATZ"}


def test_what_is_really_wrong_is_rejected_after_it(tmp_path: Path) -> None:
    export = EXPORTS["German"]
    path = export.write(tmp_path)
    text = path.read_bytes().decode("cp1252")
    text = text.replace("kunde3@example.com", "kunde3example.com").replace("0171 2345682", "12")
    text = re.sub(r"(kunde5@.*?;)06\.12\.1990", r"\g<1>31.02.1990", text).replace(";01073;", ";1073;")
    path.write_bytes(text.encode("cp1252"))
    init(path, tmp_path / "work")
    config = (tmp_path / "work" / "config.yaml").read_text("utf-8").replace("2%", "50%")
    (tmp_path / "work" / "config.yaml").write_text(config, "utf-8")
    assert validated(tmp_path / "work").reasons == {
        "EMAIL:email": 1,
        "MOBILE:phone": 1,
        "DOB:date": 1,
        "POSTAL_CODE:no_lost_leading_zero": 1,
    }


def table(folder: Path, header: str, rows: list[str], name: str = "export.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def test_birthdays_of_two_digits_are_not_yet_to_come(tmp_path: Path) -> None:
    days = [f"{day:02d}.12.{year:02d}" for day, year in zip(range(1, 29), range(40, 68), strict=True)]
    rows = [f"kunde{number}@example.com;{day}" for number, day in enumerate(days)]
    init(table(tmp_path, "E-Mail-Adresse;Geburtsdatum", rows), tmp_path / "work")
    result = validated(tmp_path / "work")
    assert (result.accepted, result.reasons) == (28, {})


def test_a_few_odd_cells_do_not_decide_how_dates_stand(tmp_path: Path) -> None:
    days = [f"{n % 12 + 1}/{n % 28 + 1}/{1950 + n % 50}" for n in range(100)]
    days[40:44] = ["25/12/1980", "7/14/61", "7.14.1961", "unknown"]
    rows = [f"a{n}@example.com,{day},{'' if n else ' '}" for n, day in enumerate(days)]
    said = init(table(tmp_path, "Email,DOB,Gender", rows), tmp_path / "work")
    assert "DOB     DOB: sure, read as date MM/DD/YYYY\n" in said
    assert "GENDER  Gender: sure, read as trim\n" in said
    config = tmp_path / "work" / "config.yaml"
    assert "1 the other way round" in config.read_text("utf-8")
    config.write_text(config.read_text("utf-8").replace("2%", "4%"), "utf-8")
    assert validated(tmp_path / "work").reasons == {"DOB:date": 4}


def test_years_of_two_digits_are_read_as_birthdays_only_where_they_are(tmp_path: Path) -> None:
    rows = [f"a{n}@example.com,12/{n}/80,12/{n}/25" for n in range(1, 29)]
    said = init(table(tmp_path, "Email,DOB,Last Purchase", rows), tmp_path / "work")
    assert re.search(r"DOB: sure, read as date MM/DD/YY until 20[0-9]{2}\n", said)
    assert "Last Purchase: sure, read as date MM/DD/YY\n" in said


def test_shorter_postal_codes_of_other_countries_are_not_taken_for_damaged(tmp_path: Path) -> None:
    rows = [f"a{n}@example.com,750{n + 10},France" for n in range(40)] + ["b@example.com,1204,Suisse"]
    said = init(table(tmp_path, "Adresse e-mail,Code postal,Pays", rows), tmp_path / "work")
    assert "POSTAL_CODE: other countries have shorter codes" in said
    assert validated(tmp_path / "work").reasons == {}


def test_amounts_with_their_currency_are_numbers_with_a_comma(tmp_path: Path) -> None:
    rows = [f"a{n}@example.com;R$ {n}.251,{n + 10}" for n in range(1, 30)]
    said = init(table(tmp_path, "E-mail;Total de Compras", rows), tmp_path / "work")
    assert "own attribute, read as decimal comma" in said
    assert validated(tmp_path / "work").reasons == {}


def test_empty_rows_behind_a_totals_line_are_no_records(tmp_path: Path) -> None:
    rows = [f"a{n}@example.com,Ulm,{n}" for n in range(40)]
    init(table(tmp_path, "Email,City,Amount", [*rows, ',,"Total 1,234"', ",,", ",,"]), tmp_path / "work")
    result = validated(tmp_path / "work")
    assert (result.records, result.reasons) == (40, {})


def test_what_only_a_person_can_know_is_left_to_them(tmp_path: Path) -> None:
    rows = [f"a{n}@example.com,03/04/{1980 + n},050123{4500 + n},x" for n in range(20)]
    said = init(table(tmp_path, "Email,DOB,رقم الجوال,顧客の好み", rows), tmp_path)
    left = said.partition("left to you:")[2]
    assert "date DD/MM/YYYY, date MM/DD/YYYY" in left
    assert "顧客の好み: name its attribute" in left
    config = (tmp_path / "config.yaml").read_text("utf-8")
    assert '# DOB: "date MM/DD/YYYY"' in config
    assert '"顧客の好み": null' in config
    assert re.search(r"^    DOB:", config, re.MULTILINE) is None


LIKELY = {
    "the end of a name": (
        "Email,Mailing Zip",
        ["{}@example.com", "02134"],
        "POSTAL_CODE  Mailing Zip: likely",
        "utf-8",
    ),
    "months first": (
        "Email,Phone,DOB",
        ["{}@example.com", "212-555-01{}", "2/{}/1980"],
        "read as phone US",
        "utf-8",
    ),
    "unknown names": ("E-posta,Soyad", ["{}@example.com", "Yılmaz"], "E_POSTA: is it EMAIL?", "utf-8"),
    "Central Europe": ("E-mail,Imię", ["{}@example.com", "Łukasz"], "cp1250 (a guess", "cp1250"),
}


@pytest.mark.parametrize("what", LIKELY)
def test_what_is_less_sure_is_said_to_be(tmp_path: Path, what: str) -> None:
    header, cells, says, encoding = LIKELY[what]
    lines = [",".join(cells).format(*[n] * 3) for n in range(10, 29)]
    path = tmp_path / "export.csv"
    path.write_text("\n".join([header, *lines]), encoding)
    assert says in init(path, tmp_path / "work")
    assert validated(tmp_path / "work").rejected == 0


def test_a_doubtful_name_is_not_applied(tmp_path: Path) -> None:
    said = init(
        table(tmp_path, "Email,Contact,Mail 2", [f"a{n}@b.example.com,b{n}@example.com,x" for n in range(9)]),
        tmp_path,
    )
    assert "CONTACT" in said
    assert "perhaps" not in said  # the other column is the address
    said = init(table(tmp_path, "Kontakt,Stadt", ["a@example.com,Ulm"] * 9), tmp_path / "b")
    assert "KONTAKT: is it EMAIL?" in said
    assert '"Kontakt": KONTAKT' in (tmp_path / "b" / "config.yaml").read_text("utf-8")


def test_no_value_of_the_file_is_written_or_printed(tmp_path: Path) -> None:
    rows = [f"secret{n}@planted.example,Geheim{n},{n},PLANTED" for n in range(30)]
    said = init(table(tmp_path, "Email,Vorname,Punkte,Gruppe", rows), tmp_path / "work")
    written = [path.read_text("utf-8") for path in (tmp_path / "work").rglob("*") if path.is_file()]
    for text in [said, *written]:
        assert not re.search("planted|geheim|secret", text, re.IGNORECASE)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = table(tmp_path, "Email,City", ["a@example.com,Ulm"])
    (tmp_path / "config.yaml").write_text("mine")
    done = CliRunner().invoke(cli, ["init", str(path), "--output", str(tmp_path)])
    assert "is there already" in str(done.exception)
    assert (tmp_path / "config.yaml").read_text() == "mine"
    assert not (tmp_path / "schemas").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("a@example.com;1\nb@example.com;2\n", "no header row"),
        ("Email;City\n", "no header row"),
        ("Anna,Koelnerin,f\nBea,Ulmerin,f\n", "no header row"),
        ("Email,Email\na,b\n", "stand twice"),
        ("PK\x03\x04....", "zip archive"),
    ],
)
def test_a_file_with_nothing_to_see_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "export.csv"
    path.write_text(content)
    done = CliRunner().invoke(cli, ["init", str(path), "--output", str(tmp_path / "work")])
    assert says in str(done.exception)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("name", ["export.csv", "export.csv.gz", "-"])
def test_a_file_that_is_not_there_is_no_folder_to_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["init", name])
    assert "no such file" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_packed_file_is_looked_at_too(tmp_path: Path) -> None:
    path = EXPORTS["German"].write(tmp_path)
    packed = path.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert "totals line" in init(packed, tmp_path / "work")
    assert validated(tmp_path / "work").accepted == ROWS


def footed(
    folder: Path, text: str, footer: str, source: Mapping[str, Any] | None = None, **knobs: Any
) -> list[str]:
    """The addresses accepted of a file with that footer."""
    path = folder / "in.csv"
    path.write_text(text)
    (folder / "c.py").write_text(
        "import pandera.pandas as pa\nC = pa.DataFrameSchema({'EMAIL': pa.Column(str)})\n"
    )
    made = {
        "source": {"footer": footer, **(source or {})},
        "contract": {"schema": str(folder / "c.py:C"), "max_rejected": "100%"},
    }
    validate(path, made, output=folder / "out", **knobs)
    return [row["EMAIL"] for row in dicts_of(folder / "out" / "accepted.csv")]


BODY = [f"a{n}@example.com" for n in range(20_000)]


@pytest.mark.slow
@pytest.mark.parametrize("slice_bytes", [1000, None])
def test_a_footer_is_no_record_and_all_before_it_are(tmp_path: Path, slice_bytes: int | None) -> None:
    text = "EMAIL\nSumme 1\n" + "\n".join(BODY)
    for end in ("\nSumme 20000", "\nSumme 20000\nEnde\n\n", "\n\nSumme\n"):
        assert footed(tmp_path, text + end, "Summe", slice_bytes=slice_bytes) == ["Summe 1", *BODY]
    assert footed(tmp_path, text + "\n20000 Zeilen\n", "[0-9]+ Zeilen") == ["Summe 1", *BODY]


def test_a_file_without_the_footer_keeps_its_last_record(tmp_path: Path) -> None:
    assert footed(tmp_path, "EMAIL\n" + "\n".join(BODY[:3]), "Summe") == BODY[:3]
    assert footed(tmp_path, "EMAIL\na\nb", "b") == ["a"]


NAMED = [f"{name},{name.lower()}@example.com" for name in ("Adams", "Summers", "Sum", "Taylor")]


@pytest.mark.parametrize(
    "total", ["Sum,4\n", "Sum,\nExported by admin@example.com\n", '"Sum",4', "Sum: 4\n\n"]
)
def test_a_record_that_begins_like_the_footer_is_none(tmp_path: Path, total: str) -> None:
    found = footed(
        tmp_path, "\n".join(["NAME,EMAIL", *NAMED, total]), '"?Sum', source={"columns": {"NAME": None}}
    )
    assert found == [line.split(",")[1] for line in NAMED]


def test_without_a_footer_such_records_stay(tmp_path: Path) -> None:
    text = "\n".join(["NAME,EMAIL", *NAMED[1:3], 'Taylor,"t@example.com\nSum"', "Sum,+4917123456"])
    found = footed(tmp_path, text, "Sum", source={"columns": {"NAME": None}})
    assert found == ["summers@example.com", "sum@example.com", "t@example.com\nSum", "+4917123456"]


@pytest.mark.parametrize(
    ("header", "rows", "config"),
    [
        ("NAME,EMAIL", ['"Meyer, Tom",tom@x.de', "Total,total@x.de", "Ann,ann@x.de"], {}),
        ("NAME,EMAIL", ["Bob,650-253-0001", "Total Wine,(212) 736-5000", "Ann,650-253-0000"], {}),
        ("NAME,EMAIL", ["Ann,4711", "Bob,4712", "Total Energies,4713", "Cleo,4714"], {}),
        ("NAME,EMAIL", ["a,A", 'b,"He \\"said\nTotal \\" 5"'], {"escapechar": "\\"}),
    ],
)
def test_no_record_is_cut_off_with_a_footer(
    tmp_path: Path, header: str, rows: list[str], config: dict[str, Any]
) -> None:
    text = "\n".join([header, *rows, ""])
    columns = {"columns": {"NAME": None}}
    without = footed(tmp_path, text, "no such line", source=columns | config)
    assert len(without) == len(rows)
    assert footed(tmp_path, text, "Total", source=columns | config) == without
    total = text + "Total,\nExported 2026-11-30 10:15\n"
    assert footed(tmp_path, total, "Total", source=columns | config) == without


def test_a_footer_that_may_have_been_a_record_is_told(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    (tmp_path / "c.py").write_text(
        "import pandera.pandas as pa\nC = pa.DataFrameSchema({'ID': pa.Column(str)})\n"
    )
    config = {"source": {"footer": "Total"}, "contract": {"schema": str(tmp_path / "c.py:C")}}
    for last, told in (("Total,4713", 1), ("Total,", 0)):
        path.write_text(f"ID,NR\nAnn,4711\n{last}\n")
        found = validate(path, config, output=tmp_path / "out")
        assert (found.records, sum("source.footer left out" in each for each in found.warnings)) == (1, told)


def test_a_pipe_cannot_be_looked_at(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "pipe"), "--output", str(tmp_path / "work")])
    assert isinstance(done.exception, SourceError)
    assert "can be read only once" in done.exception.message


def test_one_long_cell_hides_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    rows = [f"a{n}@example.com,Ulm\n" for n in range(8)]
    path.write_text("".join(["EMAIL,CITY\n", *rows, f"b@example.com,{'x' * 500_000}\n"]))
    assert "EMAIL" in init(path, tmp_path / "work")


@pytest.mark.parametrize("footer", ["(", ".*", ""])
def test_a_footer_that_is_no_pattern_is_refused(tmp_path: Path, footer: str) -> None:
    with pytest.raises(Exception, match=r"source\.footer"):
        footed(tmp_path, "EMAIL\na", footer)


def test_the_config_can_be_read_by_other_programs(tmp_path: Path) -> None:
    from ruamel.yaml import YAML

    init(EXPORTS["French"].write(tmp_path), tmp_path / "work")
    read = YAML(typ="safe").load((tmp_path / "work" / "config.yaml").read_text("utf-8"))
    assert read["source"]["columns"]["Prénom"] == "FIRST_NAME"
    assert json.dumps(read)


OWN = """
import pandera.pandas as pa
import pipeline.checks
CONTACT = pa.DataFrameSchema({
    "EMAIL": pa.Column(str, pa.Check.email()),
    "MOBILE": pa.Column(str, nullable=True, metadata={"read": "phone DE"}),
    "FIRST_NAME": pa.Column(str, nullable=True),
    "CITY": pa.Column(str, nullable=True),
    "DOB": pa.Column(pa.Date, nullable=True, required=False),
})
"""


def test_a_file_that_does_not_fit_its_config_is_told_of_once(tmp_path: Path) -> None:
    """All facts are in one hint, and pasted they make the file fit."""
    path = EXPORTS["German"].write(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    contract = "contract:\n    schema: own.py:CONTACT\n    unknown_columns: drop\n"
    (tmp_path / "c.yaml").write_text(f"{contract}source:\n    path: {path.name}\n", "utf-8")
    with pytest.raises(SourceError) as refused:
        validate(None, tmp_path / "c.yaml", output=tmp_path / "out")
    source, _, cells = refused.value.hint.partition("to paste under source:\n")[2].partition(
        "\nand of its cells"
    )
    for key in (
        "delimiter",
        "encoding: cp1252",
        "skip_rows: 2",
        "footer",
        '"Handynummer": MOBILE',
        '"Ort": CITY',
    ):
        assert key in source
    read = cells.partition("contract:\n")[2]
    assert read.split() == ["read:", "DOB:", "date", "DD.MM.YYYY"]  # MOBILE has its reading already
    pasted = f"{contract}{read}\nsource:\n    path: {path.name}\n{source}\n"
    (tmp_path / "c.yaml").write_text(pasted, "utf-8")
    assert validate(None, tmp_path / "c.yaml", output=tmp_path / "out").accepted == ROWS


def test_a_file_that_nearly_fits_gets_the_one_hint_it_needs(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    path = table(tmp_path, "EMAIL;MOBILE;FIRST_NAME;CITY", ["a@example.com;;;"] * 3)
    with pytest.raises(SourceError) as refused:
        validate(path, {"contract": {"schema": str(tmp_path / "own.py:CONTACT")}}, output=tmp_path / "out")
    assert "paste" not in refused.value.hint
    assert "source.delimiter" in refused.value.hint


def test_no_contact_is_told_where_a_header_is_missing(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    path = table(tmp_path, "planted;Geheim;Nichts", ["planted;Geheim;Nichts"] * 3)
    with pytest.raises(SourceError) as refused:
        validate(path, {"contract": {"schema": str(tmp_path / "own.py:CONTACT")}}, output=tmp_path / "out")
    assert not re.search("planted|geheim", str(refused.value), re.IGNORECASE)
