"""Contacts' values and secrets are in the hosted object and in files of the owner's own, and nowhere else.

Runs that end in many ways, with all logging switched on, while whatever can be looked at afterwards is
searched for values that were planted: logs, output, errors, tracebacks, reprs, JSON, files.
"""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pandas as pd
import pytest
from fakes import answer, answering, free_port
from ttys import lines_of, on_a_terminal
from world import CONTRACT, ROOT, World, a_world, as_csv

from pipeline import PipelineError, load_config, run, validate
from pipeline.contract import ContractSource, load_contract
from pipeline.handoffs import Plan
from pipeline.read import open_source
from pipeline.validation import examine, split
from pipeline.wire import hushed

PHONE = "919812345678"
EMAIL = "planted.person@example.com"
NAME = "Plantagenet"
API_KEY = "plantedapikey0123456789"
SECRET_KEY = "PlantedSecretKey/abc+def"
TOKEN_SECRET = "planted-callback-secret-of-32-or-more"
VALUES = (PHONE, EMAIL, EMAIL.replace("@", "%40"), NAME)
GOOD = [["EMAIL", "MOBILE", "CITY"], [EMAIL, PHONE, NAME], [f"x{EMAIL}", PHONE, NAME]]
BAD = [["EMAIL", "MOBILE", "CITY"], [EMAIL, f"{PHONE}x", NAME], [f"{EMAIL}@x", PHONE, NAME]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("world")) as made:
        (made.folder / "good.csv").write_text(as_csv(GOOD))
        (made.folder / "bad.csv").write_text(as_csv([*GOOD, *BAD[1:]]) + f'{EMAIL},"{PHONE}\n{PHONE}\n')
        yield made


class Seen:
    """All that could be looked at during and after a run."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def take(self, thing: object) -> None:
        self.texts += [repr(thing), str(thing)]

    def __call__(self, run_it: Callable[[], Any]) -> str:
        """The name of the error that `run_it` ends in, "" if it ends well."""
        try:
            result, name = run_it(), ""
        except PipelineError as error:
            self.texts += [traceback.format_exc(), "".join(traceback.format_exception(error))]
            for thing in (error, error.args, error.hint, vars(error), error.__cause__, error.__context__):
                if not (thing is error.__context__ and error.__suppress_context__):
                    self.take(thing)
            result, name = error.result, type(error).__name__
        assert result
        self.take(result)
        self.texts += [json.dumps(result.to_dict()), result._repr_html_()]
        for part in (result.hosted, result.outcome, result.error):
            self.take(part)
        return name


@pytest.fixture
def seen(capfd: pytest.CaptureFixture[str]) -> Iterator[Seen]:
    """Searched for every planted value in the end, with what was logged and printed meanwhile."""
    found = Seen()

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.texts.append(f"{self.format(record)} {vars(record)}")

    root, keeper = logging.getLogger(), Keep()
    level = root.level
    loud = [logging.getLogger(name) for name in ("pipeline", "urllib3", "botocore", "pandera", "werkzeug")]
    levels = [logger.level for logger in loud]
    for logger in (root, *loud):
        logger.setLevel(logging.DEBUG)
    root.addHandler(keeper)
    yield found
    root.removeHandler(keeper)
    for logger, before in zip((root, *loud), (level, *levels), strict=True):
        logger.setLevel(before)
    found.texts += capfd.readouterr()
    assert any(found.texts)
    for text in found.texts:
        for planted in (*VALUES, API_KEY, SECRET_KEY, TOKEN_SECRET):
            assert planted not in text, text[:300].replace(planted, "<PLANTED>")
        assert not re.search(r"X-Amz-(Signature|Credential)=[0-9A-Za-z]", text), text[:300]
        assert not re.search(r"/[0-9TZ]{16}-[0-9a-f]{8}/[0-9a-f]{64}", text), text[:300]


def with_schema(world: World, name: str, columns: str) -> dict[str, str]:
    head = CONTRACT.split("SCHEMA")[0]
    (world.folder / f"{name}.py").write_text(
        f"{head}\nimport warnings, logging\nSCHEMA = pa.DataFrameSchema({columns})\n"
    )
    return {"schema": str(world.folder / f"{name}.py:SCHEMA")}


RAISES = "lambda s: (_ for _ in ()).throw(ValueError(f'cannot take {list(s)}'))"
CONTRACTS = {
    "check": f'{{"EMAIL": pa.Column(str, pa.Check({RAISES}, name="broken"))}}',
    "element_wise": f'{{"EMAIL": pa.Column(str, pa.Check({RAISES}, element_wise=True, name="broken"))}}',
    "frame": f'{{"EMAIL": pa.Column(str)}}, checks=pa.Check({RAISES}, name="broken")',
    "whole": '{"EMAIL": pa.Column(str, pa.Check(lambda s: False, name="broken"))}',
    "parser": f'{{"EMAIL": pa.Column(str, parsers=pa.Parser({RAISES}))}}',
    "frame_parser": f'{{"EMAIL": pa.Column(str)}}, parsers=pa.Parser({RAISES})',
    "key": '{"EMAIL": pa.Column(str, pa.Check(lambda s: {}[s.iloc[0]], name="broken"))}',
    "warns": '{"EMAIL": pa.Column(str, pa.Check(lambda s: s == "", raise_warning=True, name="only_warns"))}',
    "fails": '{"EMAIL": pa.Column(str, pa.Check(lambda s: s == "", error="never"))}',
    "dtype": '{"EMAIL": pa.Column(int), "MOBILE": pa.Column("datetime64[ns]"), "CITY": pa.Column(float)}',
}


@pytest.mark.parametrize("name", CONTRACTS)
def test_contracts_that_break_on_values(world: World, seen: Seen, name: str) -> None:
    contract = with_schema(world, f"leaks_{name}", CONTRACTS[name])
    config = world.config(contract={**contract, "primary_key": [], "max_rejected": 0})
    ended = seen(lambda: run(world.folder / "good.csv", config, until="validate"))
    assert ended == {"warns": "", "fails": "RejectedRows", "dtype": "RejectedRows"}.get(name, "ConfigError")


SOURCES: dict[str, bytes] = {
    "no header": as_csv(GOOD[1:]).encode(),
    "header twice the same": f"{EMAIL},{EMAIL}\n".encode(),
    "unclosed header": f'"{EMAIL},{PHONE}\n'.encode(),
    "other delimiter": f"EMAIL;{NAME}\n{EMAIL};{PHONE}\n".encode(),
    "latin header": f"EMAIL,{NAME}é\n{EMAIL},{PHONE}\n".encode("latin-1"),
    "broken records": as_csv(GOOD).encode() + f'{PHONE}\n"{EMAIL}\n{NAME}\xff\0,,,\n'.encode("latin-1"),
    "all rejected": as_csv(BAD).encode(),
    "all twice": as_csv([GOOD[0], *GOOD[1:], *GOOD[1:]]).encode(),
    "endless line": b"EMAIL,CITY\n" + EMAIL.encode() * 100_000,
    "gzip data": b"\x1f\x8b" + EMAIL.encode(),
}


@pytest.mark.parametrize("name", SOURCES)
def test_sources_that_are_bad(world: World, seen: Seen, tmp_path: Path, name: str) -> None:
    (tmp_path / "source.csv").write_bytes(SOURCES[name])
    config = world.config(contract={"max_rejected": 0}, source={"max_record_bytes": 10_000})
    assert seen(lambda: run(tmp_path / "source.csv", config, until="validate"))


@pytest.mark.parametrize(
    "value", [[PHONE], {"of": EMAIL}, float(PHONE) * 1e9, pd.Timedelta(1), object(), b"\xff"]
)
def test_frames_that_are_bad(world: World, seen: Seen, value: Any) -> None:
    frame = pd.DataFrame({"EMAIL": [EMAIL, "x"], "CITY": [NAME, value]})
    config = world.config(contract={"max_rejected": 0})
    assert seen(lambda: run(frame, config, until="validate"))
    assert seen(lambda: run(pd.DataFrame({EMAIL: [EMAIL], PHONE: [PHONE]}), config, until="validate"))


@pytest.mark.slow
def test_runs_that_end_well(world: World, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_SECRET", TOKEN_SECRET)
    config = world.waiting()
    config["track"]["secret"] = "${PLANTED_SECRET}"
    seen(lambda: run(world.folder / "bad.csv", config, dry_run=True))
    seen(lambda: run(world.folder / "bad.csv", config, until="stage"))
    seen(lambda: run(world.folder / "bad.csv", config))
    seen(lambda: run(world.folder / "bad.csv", world.config() | {"sandbox": True}))
    seen.take(load_config(config))
    seen.take(load_config(config).model_dump())
    seen.take(world.sandbox.api.jobs)
    seen.take(world.sandbox)


def echo(name: str) -> bytes:
    """What servers say that repeat what they were told."""
    said = f"contact {EMAIL} {PHONE} key {API_KEY}"
    return {
        "storage": answer(
            403, f"<Error><Code>AccessDenied</Code><Message>{said} {NAME}</Message></Error>".encode()
        ),
        "refused": answer(200, json.dumps({"result": f"Invalid: {said}"}).encode()),
        "refused long": answer(200, json.dumps({"result": f"apikey={API_KEY}&path=" + "x" * 9000}).encode()),
        "unknown": answer(500, said.encode()),
        "no json": answer(200, said.encode()),
        "redirect": answer(302, b"", f"Location: http://127.0.0.1:1/{API_KEY}\r\n"),
    }[name]


def test_storage_that_refuses_and_echoes(world: World, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    config = world.config(contract={"primary_key": []})
    assert seen(lambda: run(world.folder / "good.csv", config)) == "StageError"
    with answering(echo("storage")) as store:
        config["stage"]["endpoint_url"] = store.url
        assert seen(lambda: run(world.folder / "good.csv", config)) == "StageError"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "ended"),
    [
        ("refused", "SubmitRefused"),
        ("refused long", "SubmitRefused"),
        ("redirect", "SubmitRefused"),
        ("unknown", "SubmitUnknown"),
        ("no json", "SubmitUnknown"),
        ("away", "SubmitUnavailable"),
    ],
)
def test_apis_that_refuse_and_echo(
    world: World, seen: Seen, monkeypatch: pytest.MonkeyPatch, name: str, ended: str
) -> None:
    monkeypatch.setenv("PLANTED_KEY", API_KEY)
    config = world.config()
    config["submit"] = {"base_url": f"http://127.0.0.1:{free_port()}", "api_key": "${PLANTED_KEY}"}
    if name == "away":
        assert seen(lambda: run(world.folder / "good.csv", config)) == ended
        return
    with answering(echo(name)) as api:
        config["submit"]["base_url"] = api.url
        assert seen(lambda: run(world.folder / "good.csv", config)) == ended
    assert len(api.arrived) == 1
    assert API_KEY in api.arrived[0].target


@pytest.mark.parametrize(
    "body",
    [
        {"status": f"Failed: {EMAIL}", "failed": PHONE, PHONE: 1, EMAIL: "2", "mobile": PHONE},
        {"status": "Failed", "errors": [{"email": EMAIL}], "message": f"{NAME} {API_KEY}"},
        {"status": f"Completed for {NAME}", "total": PHONE, NAME: 3},
    ],
)
def test_callbacks_that_hold_values(world: World, seen: Seen, body: dict[str, Any]) -> None:
    reply = answer(200, json.dumps({"requestid": "0123456789abcdef" * 2, "result": "Success"}).encode())

    def call_back(_server: Any, _connection: Any) -> None:
        form = dict(part.split("=") for part in api.arrived[0].body.decode().split("&"))
        url = form["callback"].replace("%3A", ":").replace("%2F", "/")
        post = Request(url, json.dumps(body).encode(), method="POST")  # noqa: S310
        threading.Thread(target=lambda: urlopen(post, timeout=5).close(), daemon=True).start()  # noqa: S310

    with answering(reply, call_back) as api:
        ended = seen(lambda: run(world.folder / "good.csv", world.waiting(submit={"base_url": api.url})))
    assert ended == ("JobFailed" if body["status"].startswith("Failed") else "")


@pytest.mark.slow
def test_the_command_line(world: World, seen: Seen, tmp_path: Path) -> None:
    """As a process with warnings shown, in which a contract breaks on values."""
    contract = with_schema(world, "leaks_cli", CONTRACTS["key"])
    (tmp_path / "config.yaml").write_text(json.dumps({"contract": contract}))
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "pipeline", "validate", str(world.folder / "bad.csv"),
         "-c", str(tmp_path / "config.yaml"), "-o", str(tmp_path / "out")],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
        env={**os.environ, "PYTHONWARNINGS": "always"},
    )  # fmt: skip
    assert done.returncode == 2
    seen.texts += [done.stdout, done.stderr]


def test_what_lies_about(world: World, seen: Seen) -> None:
    """No object that a step hands on shows what it holds."""
    config = load_config(world.config())
    names = ("EMAIL", "MOBILE", "CITY")

    def all_of(columns: Any, _source: str) -> tuple[int, ...]:
        return tuple(range(len(columns)))

    for given in (str(world.folder / "bad.csv"), pd.DataFrame(GOOD[1:], columns=GOOD[0])):
        with open_source(given, config.source, contract_names=names, resolve=all_of) as source:
            seen.take(source)
            for piece in source.slices():
                origin = ContractSource(config.contract.schema_, config.base)
                contract = load_contract(origin)
                plan = Plan("leaks", source.header, contract.rules, origin, 7)
                table, found = piece.table(names), examine(piece, plan, contract)
                parts = (found.keys, *found.keys, found.faults, found.records, split(found, [], plan))
                for thing in (piece, table, plan, found, *parts, *found.records.malformed):
                    seen.take(thing)


def test_files_with_values_are_the_owners_own(world: World, tmp_path: Path) -> None:
    """Whatever the umask; and no temporary file stays behind."""
    before = os.umask(0)
    try:
        validate(world.folder / "bad.csv", world.config(), output=tmp_path / "out")
        run(world.folder / "bad.csv", world.config(contract={"rejects": str(tmp_path / "kept")}))
    finally:
        os.umask(before)
    found = {
        path.relative_to(tmp_path).parts[0] + "/" + path.name: stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    rejects = next(name for name in found if name.startswith("kept/"))
    assert found == {"out/accepted.csv": 0o600, "out/rejects.csv": 0o600, rejects: 0o600}


@pytest.mark.slow
def test_nothing_but_hosted_and_rejects_files_holds_values(
    world: World, seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run on a terminal, beside its logs, and of what tells about it later."""
    monkeypatch.setenv("PLANTED_KEY", world.sandbox.api_key)
    config = world.config(contract={"rejects": "rejects"})
    config["submit"]["api_key"] = "${PLANTED_KEY}"
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    totals = f"Total,{PHONE},{NAME}\n"  # which are looked at for a hint
    (tmp_path / "in.csv").write_text(as_csv([*GOOD, *BAD[1:]]) + f"{EMAIL} ,{PHONE},{NAME}\n" * 3 + totals)
    with hushed():
        before = set(world.all_keys)
    commands = (
        ("run", "in.csv"),
        ("run", "in.csv", "--again", "--log-format", "json"),
        ("validate", "in.csv", "-o", "out", "--log-format", "text"),
        ("run", "in.csv", "--dry-run"),
        ("explain",),
        ("status",),
        ("clean", "--dry-run"),
    )
    for command in commands:
        code, written = on_a_terminal(*command, columns=50, folder=tmp_path)
        assert code == 0, written
        if "--log-format" not in command:
            assert max(map(len, lines_of(written))) <= 50, written
        seen.texts.append(written)
    holding = {
        str(path.relative_to(tmp_path).parts[0])
        for path in tmp_path.rglob("*")
        if path.is_file() and any(value.encode() in path.read_bytes() for value in VALUES)
    }
    assert holding == {"in.csv", "rejects", "out"}
    with hushed():  # it is this test's own client that logs
        for key in set(world.all_keys) - before:
            body = world.s3.get_object(Bucket=world.sandbox.bucket, Key=key)["Body"].read()
            assert ("hosted/" in key) is any(value.encode() in body for value in VALUES), key
