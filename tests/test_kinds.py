"""Other files that are called .csv are named as what they are; tables that begin like them are read."""
# ruff: noqa: E501 - tables of texts read better in one line each

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from reading import read

from pipeline.errors import SourceError

FRAME = pl.DataFrame({"EMAIL": ["anna@example.com"], "CITY": ["Ulm"]})
CSV = "EMAIL,CITY\nanna@example.com,Ulm\n"


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, CSV)
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("contacts.csv")
        info.size = len(CSV)
        archive.addfile(info, io.BytesIO(CSV.encode()))
    return out.getvalue()


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def sqlite() -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE contacts (email)")
        return database.serialize()


TEXTS = {
    "a web page": [
        *("<!doctype html>\n<html>", "<!DOCTYPE HTML PUBLIC '-//W3C//DTD'>", "<HTML><BODY>", "\r\n\r\n <Html lang=en>"),
        *("<table border='1'><tr><td>EMAIL", '<meta charset="utf-8">\n<table>', "<!-- saved --><html>", "<head>\n"),
        *("<style>td{}</style><table>", "<div class=x>Sign in</div>", "<script>location='/login'</script>"),
        *("<h1>503</h1>", "\ufeff<html>", "<body bgcolor=white>", "<p>Error</p>", "<title>502 Bad Gateway</title>"),
    ],
    "XML": [
        *('<?xml version="1.0"?>\n<contacts/>', "\n<?XML version='1.0'?>", "<contacts>\n  <contact>\n    <email>a"),
        *('<rows xmlns="urn:x">', "<ListBucketResult xmlns='http://s3'>", "<Error><Code>AccessDenied</Code>"),
    ],
    "JSON": ['{"EMAIL": 1}', '[\n  {"EMAIL": "a"}\n]', '{\n "a": []}', "[[1,2]]", '["a","b"]', "{}", "[]", ' {"a":1}\n{"a":2}'],
    "a vCard": ["BEGIN:VCARD\r\nVERSION:3.0", "begin:vcard\nfn:Anna"],
    "a calendar": ["BEGIN:VCALENDAR\nVERSION:2.0"],
    "an LDIF": ["dn: cn=Anna,dc=example\nmail: a@b.co", "version: 1\n\ndn: uid=a"],
    "a PDF": ["%PDF-1.7\n%âãÏÓ", "%PDF-2.0"],
    "an RTF": [r"{\rtf1\ansi EMAIL"],
    "a SYLK": ['ID;PWXL;N;E\r\nP;PGeneral\r\nC;Y1;X1;K"EMAIL"\r\nE', 'ID;PCALCOOO32\nC;X1;Y1;K"A"'],
    "a DIF": ['TABLE\r\n0,1\r\n"EXCEL"\r\n'],
    "an SQL dump": [
        *("INSERT INTO contacts VALUES (1);", "insert into c (email) values", "CREATE TABLE contacts (\n  email TEXT\n);"),
        *("-- MySQL dump 10.13\n--\n", "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;"),
        *("/*!40101 SET NAMES utf8 */;", "/* x */\n-- y\nDROP TABLE IF EXISTS c;", "BEGIN TRANSACTION;\nCREATE"),
        *("PRAGMA foreign_keys=OFF;", "SET sql_mode = '';\n", "USE `shop`;\n", "COPY public.c (email) FROM stdin;"),
    ],
    "encrypted": ["-----BEGIN PGP MESSAGE-----\n\nhQEM"],
    "Git LFS": ["version https://git-lfs.github.com/spec/v1\noid sha256:4d7a"],
}  # fmt: skip
BYTES = {
    "gzip data": gzip.compress(CSV.encode(), mtime=0),
    "a zip archive": zipped("contacts.csv"),
    "an Excel workbook": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "an old Excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "7z": b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(60),
    "Zstandard": b"\x28\xb5\x2f\xfd" + bytes(60),
    "xz data": lzma.compress(CSV.encode()),
    "bzip2": bz2.compress(CSV.encode()),
    "a tar": tarred(),
    "an SQLite": sqlite(),
    "a Parquet": written(FRAME.write_parquet),
    "an Arrow": written(FRAME.write_ipc),
    "an Avro": written(FRAME.write_avro),
    "an ORC": b"ORC\x08\x03\x10" + bytes(60),
    "a Python pickle": pickle.dumps(pd.DataFrame({"EMAIL": ["a"]})),
    "a statistics": b"<stata_dta><header>",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(60),
}
CASES = [(kind, text.encode()) for kind, texts in TEXTS.items() for text in texts]
CASES += [("a web page", "<html><body>".encode("utf-16")), ("XML", '<?xml version="1.0"?>'.encode("utf-16"))]


def refused(path: Path, data: bytes, *says: str) -> SourceError:
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        read(path)
    for words in says:
        assert words in str(caught.value)
    assert caught.value.hint
    return caught.value


ALL = [*CASES, *BYTES.items()]


@pytest.mark.parametrize("number", range(len(ALL)), ids=lambda number: f"{ALL[number][0]}-{number}")
def test_another_kind_of_file_is_named(tmp_path: Path, number: int) -> None:
    kind, data = ALL[number]
    refused(tmp_path / "contacts.csv", data, kind, "not a CSV")
    if kind != "gzip data":  # and so it is where it is packed besides, or its name says so
        refused(tmp_path / "contacts.csv.gz", gzip.compress(data), kind, "holds")
        refused(tmp_path / "contacts.csv.gz", data, kind)


@pytest.mark.parametrize("name", ["contacts.csv.gz", "CONTACTS.CSV.GZ", "contacts.Gz"])
def test_a_packed_file_is_unpacked_whatever_the_case_of_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(CSV.encode()))
    assert read(path).rows == [("anna@example.com", "Ulm")]
    refused(path, CSV.encode(), "not packed by gzip", "Take the .gz off")
    refused(path, gzip.compress(gzip.compress(CSV.encode())), "packed twice", "gzip -dc FILE | gzip -dc")
    refused(path, b"", "is empty")
    refused(path, gzip.compress(b""), "is empty")


@pytest.mark.parametrize("name", ["contacts.tar.gz", "contacts.tgz"])
def test_a_packed_archive_is_named(tmp_path: Path, name: str) -> None:
    refused(tmp_path / name, gzip.compress(tarred()), "a tar archive", "tar -xf")


GOOD_HEADERS = [
    *("<EMAIL>,<CITY>", "<TITLE>,<EMAIL>", "<p>;<b>", "<EMAIL>\t<CITY>", "[EMAIL],[CITY]", "{EMAIL},{CITY}", "{x}"),
    *("ID;PHONE;EMAIL", "ID;PLZ", "ORC,EMAIL", "PAR1,Größe", "TABLE,0", "SET,EMAIL", "Select,From,EMAIL", "BEGIN;END"),
    *("Begin,End", "USE,EMAIL", "Copy to,EMAIL", "--,EMAIL", "-- EMAIL", "%,EMAIL", "dn,EMAIL", "BZh,EMAIL", "PK,EMAIL"),
    *("Insert into,EMAIL", "version,EMAIL", "Create,Table", "#EMAIL", "GIF,EMAIL", "Rar,EMAIL", "EMAIL,X,DUCK", "/*,EMAIL"),
]  # fmt: skip


@pytest.mark.parametrize("header", GOOD_HEADERS)
def test_a_header_that_looks_alike_is_a_header(tmp_path: Path, header: str) -> None:
    delimiter = next((mark for mark in ";\t," if mark in header), ",")
    names = header.split(delimiter)
    path = tmp_path / "x.csv"
    path.write_text(f"{header}\n{delimiter.join(names)}\n" * 2)
    got = read(path, delimiter=delimiter)
    assert got.header.names == tuple(names)
    assert len(got.rows) == 3


def test_many_comments_take_no_time(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for comment in ("-- \n", "/* */ ", "/**/", "--\n \n"):
        path.write_text("EMAIL\n" + comment * 2_000)
        read(path)
        path.write_text(comment * 2_000 + "\nEMAIL\n")
        with pytest.raises(SourceError, match="header"):
            read(path, skip_rows=5_000)
