"""The commands about runs that have been, as a person or a scheduler types them."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from fakes import Wire, answer, answering, free_port, reset, wire
from ledgers import Ahead, store_port
from pydantic import SecretStr
from test_again import SUCCESS
from world import ROOT, World

import pipeline
from pipeline import JobTimeout, PipelineError, run
from pipeline.callback import address
from pipeline.config.file import load_config

SECRET = "planted-callback-secret-" + "s" * 20


class Desk:
    """A folder with a config file, and the command line started in it."""

    def __init__(self, world: World, folder: Path, settings: dict[str, Any]) -> None:
        self.folder, self.path = folder, folder / "my upload.yaml"
        self.settings = settings
        written = json.loads(json.dumps(settings, default=lambda _: "${PLANTED}"))
        self.path.write_text(json.dumps(written))
        self.environment = {**os.environ, "PLANTED": world.sandbox.api_key, "PLANTED_SECRET": SECRET}

    def __call__(self, *arguments: str, code: int = 0, config: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *arguments, *(["-c", str(self.path)] if config else [])],
            capture_output=True, text=True, timeout=60, cwd=ROOT, env=self.environment,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + (done.stderr if code else "")

    def type(self, line: str, code: int = 0) -> str:
        """What comes of a line that was printed, word for word."""
        import shlex

        words = shlex.split(line)
        assert words[:3] == ["python", "-m", "pipeline"]
        return self(*words[3:], code=code, config=False)


@pytest.fixture
def api() -> Iterator[Wire]:
    with answering(SUCCESS) as server:
        yield server


@pytest.fixture
def desk(world: World, tmp_path: Path, api: Wire) -> Desk:
    prefix = f"{tmp_path.name}/".replace("[", "-").replace("]", "-")
    return Desk(world, tmp_path, world.config(stage={"prefix": prefix}, submit={"base_url": api.url}))


def printed(text: str, word: str) -> str:
    """The command of ours with that word that the text tells to type."""
    found = [each for each in re.findall(r"`(python -m pipeline [^`]+)`", text) if word in each]
    assert found, text
    return str(found[0])


@pytest.mark.slow
def test_status_is_a_table_one_run_json_or_a_file(world: World, desk: Desk) -> None:
    first = run(world.contacts, desk.settings, run_key="2026-11-25")
    second = run(world.contacts, desk.settings, run_key="2026-11-25")
    table = desk("status").splitlines()
    assert table[0].split() == ["RUN", "STATE", "ACCEPTED", "REJECTED", "AGE", "JOB"]
    assert table[1].split()[:4] == [first.run_id, "submitted", "2", "4"]
    assert table[2].split()[:2] == [second.run_id, "duplicate_of"]
    one = desk("status", first.run_id)
    assert "2026-11-25" in one
    assert first.requestid in one  # type: ignore[operator]
    assert desk.type(printed(one, "wait") + " --timeout 0", code=7)
    as_json = json.loads(desk("status", "--json"))
    assert [each["state"] for each in as_json] == ["submitted", "duplicate_of"]
    assert json.loads(desk("status", second.run_id, "--json"))["duplicate_of"] == first.run_id
    out = desk.folder / "runs.csv"
    desk("status", "--output", str(out))
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["run_id"], row["accepted"]) for row in rows] == [(first.run_id, "2"), (second.run_id, "")]
    assert out.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_status_of_nothing_and_of_other_times(world: World, desk: Desk) -> None:
    assert "No run began in the last 7 d" in desk("status")
    assert json.loads(desk("status", "--json")) == []
    assert "absent" in desk("status", "20261125T120000Z-00000000", code=2)
    run(world.contacts, desk.settings, until="stage")
    assert "staged" in desk("status", "--since", "1h")
    assert "staged" in desk.type(printed(desk("status", "--since", "0"), "--since 30d"))
    assert "like 30m, 12h, 7d" in desk("status", "--since", "soon", code=2)
    assert "needs a RUN_ID" in desk("status", "--raw-callback", code=2)


@pytest.mark.slow
def test_an_unknown_run_is_found_and_settled_by_what_is_printed(world: World, tmp_path: Path) -> None:
    """Come back the next day: everything to do is in what is printed."""
    with answering(b"", reset) as lost:
        settings = world.config(stage={"prefix": "found/"}, submit={"base_url": lost.url})
        desk = Desk(world, tmp_path, settings)
        said = desk("run", str(world.contacts), code=6)
    Ahead.seconds = 181
    with wire(Ahead(store_port(world), lambda *_: None)) as later, answering(SUCCESS, port=lost.port) as api:
        desk = Desk(world, tmp_path, settings | {"stage": settings["stage"] | {"endpoint_url": later.url}})
        table = desk("status")
        assert "unknown" in table
        for text in (said, table, desk("run", str(world.contacts), code=6)):
            assert printed(text, "--submitted").endswith("--submitted REQUESTID")
            assert str(desk.path) in printed(text, "--resubmit")
        assert api.arrived == []
        assert "submitted" in desk.type(printed(table, "--resubmit"))
        assert len(api.arrived) == 1
        assert "nothing to resolve" in desk.type(printed(table, "--resubmit"), code=2)
        assert "given_up" in desk("status")
        assert "nothing was sent now" in desk("run", str(world.contacts))


@pytest.mark.slow
def test_an_unknown_run_is_settled_by_its_request_id(world: World, tmp_path: Path) -> None:
    with answering(b"", reset) as lost:
        settings = world.config(stage={"prefix": "panel/"}, submit={"base_url": lost.url})
        said = Desk(world, tmp_path, settings)("run", str(world.contacts), code=6)
    Ahead.seconds = 181
    with wire(Ahead(store_port(world), lambda *_: None)) as later:
        desk = Desk(world, tmp_path, settings | {"stage": settings["stage"] | {"endpoint_url": later.url}})
        desk.type(printed(said, "--submitted").replace("REQUESTID", "abc123"))
        assert "abc123" in desk("run", str(world.contacts))


@pytest.mark.parametrize("arguments", [["x"], ["x", "--resubmit", "--submitted", "y"]])
def test_a_resolution_is_one_of_two(desk: Desk, arguments: list[str]) -> None:
    assert "Say either" in desk("resolve", *arguments, code=2)


@pytest.mark.slow
def test_clean_shows_and_removes(world: World, desk: Desk) -> None:
    run(world.contacts, desk.settings)
    assert "nothing to remove" in desk("clean")
    Ahead.seconds = 25 * 3600
    with wire(Ahead(store_port(world), lambda *_: None)) as later:
        stage = desk.settings["stage"] | {"endpoint_url": later.url}
        then = Desk(world, desk.folder, desk.settings | {"stage": stage})
        before = world.keys
        assert "1 would be removed" in then("clean", "--dry-run")
        assert world.keys == before
        removed = json.loads(then("clean", "--json"))
        assert [each["what"] for each in removed["removed"]] == ["file"]
        assert "***" in removed["removed"][0]["key"]
        assert "nothing to remove" in then("clean")
        assert len(world.keys) == len(before) - 1
        assert "the hosted file was removed" in then("status", then_id(desk))


def then_id(desk: Desk) -> str:
    return str(json.loads(desk("status", "--json"))[0]["run_id"])


@pytest.mark.slow
def test_a_config_without_a_ledger_is_told(world: World, tmp_path: Path, api: Wire) -> None:
    off = Desk(world, tmp_path, world.config(submit={"base_url": api.url}) | {"ledger": "off"})
    for command in (["status"], ["clean"], ["wait", "x"], ["resolve", "x", "--resubmit"]):
        assert "ledger: off" in off(*command, code=2)
    box = Desk(world, tmp_path, world.config() | {"sandbox": True})
    assert "gone when its run has ended" in box("status", code=2)


# Listening for all runs


@pytest.fixture
def heard(world: World, tmp_path: Path, api: Wire) -> Desk:
    port = free_port()
    track = {
        "callback_url": f"http://127.0.0.1:{port}/hooks",
        "listen": f"127.0.0.1:{port}",
        "secret": SecretStr(SECRET),
        "wait": 20,
    }
    settings = world.config(stage={"prefix": f"{tmp_path.name}/"}, submit={"base_url": api.url}, track=track)
    desk = Desk(world, tmp_path, settings)
    desk.path.write_text(
        json.dumps(json.loads(desk.path.read_text()) | {"track": track | {"secret": "${PLANTED_SECRET}"}})
    )
    return desk


@pytest.fixture
def listener(heard: Desk) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "listen", "-c", str(heard.path)],
        stderr=subprocess.PIPE, text=True, cwd=ROOT, env=heard.environment,
    )  # fmt: skip
    assert process.stderr
    assert "Listening on" in process.stderr.readline()
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    process.stderr.close()


DONE = b'{"status": "Completed", "success": 2}'


def called(desk: Desk, run_id: str, body: bytes = DONE, method: str = "POST") -> int:
    url = address(load_config(desk.settings).track, run_id)
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, str(url), data=body, timeout=10).status_code


@pytest.mark.slow
def test_a_receiver_records_for_runs_that_are_gone(
    world: World, heard: Desk, listener: subprocess.Popen[str]
) -> None:
    settings = heard.settings | {"track": heard.settings["track"] | {"wait": 0}}
    result = run(world.contacts, settings)
    assert result.state == "submitted"
    assert called(heard, result.run_id, method="GET") == 405
    assert called(heard, result.run_id, b'{"status": "Queued"}') == 200
    assert pipeline.status(result.run_id, settings).state == "submitted"
    for _ in range(2):
        assert called(heard, result.run_id) == 200
    assert called(heard, result.run_id, b'{"status": "Failed"}') == 200
    found = pipeline.wait(result.run_id, settings, seconds=5)
    assert (found.state, found.counts, found.callbacks) == ("completed", {"success": 2}, 4)
    assert found.warnings == ("a callback says failed, the run ended completed",)
    raw = heard("status", result.run_id, "--raw-callback").splitlines()
    assert sorted(raw) == sorted(
        ['{"status": "Queued"}', '{"status": "Completed", "success": 2}', '{"status": "Failed"}']
    )


@pytest.mark.slow
def test_a_run_whose_port_is_held_by_our_receiver_reads_the_ledger(
    world: World, heard: Desk, listener: subprocess.Popen[str]
) -> None:
    import threading

    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(run(world.contacts, heard.settings)))
    thread.start()
    for _ in range(100):
        submitted = [each for each in pipeline.status(None, heard.settings) if each.state == "submitted"]
        if submitted:
            break
        time.sleep(0.1)
    assert called(heard, submitted[0].run_id) == 200
    thread.join(30)
    assert [(each.state, dict(each.outcome.counts)) for each in results] == [("completed", {"success": 2})]


def test_a_port_that_others_hold_is_an_error(world: World, heard: Desk) -> None:
    port = int(heard.settings["track"]["listen"].rpartition(":")[2])
    for reply in (answer(204), answer(200, b"ok"), b""):
        with answering(reply, port=port), pytest.raises(PipelineError, match="cannot listen"):
            run(world.contacts, heard.settings)


def test_a_receiver_without_a_secret_or_with_another_is_no_help(
    world: World, heard: Desk, listener: subprocess.Popen[str]
) -> None:
    for secret in ((), SecretStr("another-secret-" + "a" * 32)):
        track = heard.settings["track"] | {"secret": secret}
        with pytest.raises(PipelineError, match="cannot listen"):
            run(world.contacts, heard.settings | {"track": track})


def test_forged_callbacks_leave_the_bucket_as_it_is(
    world: World, heard: Desk, listener: subprocess.Popen[str]
) -> None:
    before = world.all_keys
    url = str(address(load_config(heard.settings).track, "20261125T120000Z-0a1b2c3d"))
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(100):
            assert session.post(url[:-1] + "x", data=b"{}", timeout=5).status_code == 404
    assert world.all_keys == before


@pytest.mark.parametrize(
    ("missing", "says"), [("secret", "track.secret is missing"), ("listen", "track.listen")]
)
def test_listening_needs_an_address_and_a_secret(heard: Desk, missing: str, says: str) -> None:
    written = json.loads(heard.path.read_text())
    del written["track"][missing]
    del written["track"]["wait"]
    heard.path.write_text(json.dumps(written))
    assert says in heard("listen", code=2)


@pytest.mark.slow
def test_the_wait_of_a_program_ends_in_time(world: World, desk: Desk) -> None:
    result = run(world.contacts, desk.settings)
    with pytest.raises(JobTimeout):
        pipeline.wait(result.run_id, desk.settings, seconds=0)
    staged = run(world.contacts, desk.settings, until="stage")
    assert pipeline.wait(staged.run_id, desk.settings).state == "staged"
    with pytest.raises(PipelineError, match="No run"):
        pipeline.wait("20261125T120000Z-00000000", desk.settings)
