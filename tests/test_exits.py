"""How the command line ends, as a process: output that fails, signals, forks, closed descriptors."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import Arrived, Faults, Wire, answer, answering, hold, read_request, wire
from world import ROOT, World

REQUESTID = "0123456789abcdef" * 2
SUCCESS = answer(200, json.dumps({"requestid": REQUESTID, "result": "Success"}).encode())
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


def started(world: World, folder: Path, config: dict[str, Any], *more: str, **how: Any) -> Any:
    """`python -m pipeline run` as a process."""
    config["submit"]["api_key"] = "${PLANTED_KEY}"
    (folder / "config.yaml").write_text(json.dumps(config))
    standard = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", str(world.contacts),
         "-c", str(folder / "config.yaml"), *more],
        cwd=ROOT, env={**os.environ, "PLANTED_KEY": world.sandbox.api_key}, **(standard | how),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_the_request_id_is_told_where_standard_output_is_full(
    world: World, tmp_path: Path, more: list[str]
) -> None:
    with Path("/dev/full").open("wb") as full:
        process = started(world, tmp_path, world.config(), *more, stdout=full)
        _, err = process.communicate(timeout=60)
    job = world.jobs[-1].requestid
    assert process.returncode == 8
    assert b"Traceback" not in err
    assert f"Job {job} was taken by the platform: the same command again follows it".encode() in err
    if more:
        said = json.loads(err.splitlines()[0])
        assert (said["state"], said["requestid"]) == ("submitted", job)
        assert (said["error"]["type"], said["error"]["exit_code"]) == ("Unwritable", 8)


@pytest.mark.slow
def test_a_reader_that_went_away_is_told_of_the_job_too(world: World, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = started(world, tmp_path, world.config(), "--json", stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 8
    assert world.jobs[-1].requestid.encode() in err


@pytest.mark.slow
def test_closed_descriptors_are_not_taken_for_sockets(world: World, tmp_path: Path) -> None:
    close = "import os, sys; os.close(0); os.close(1); os.execv(sys.executable, sys.argv[1:])"
    config = world.config()
    config["submit"]["api_key"] = "${PLANTED_KEY}"
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    done = subprocess.run(
        [sys.executable, "-c", close, sys.executable, "-m", "pipeline", "run", str(world.contacts),
         "-c", str(tmp_path / "config.yaml"), "--json"],
        capture_output=True, cwd=ROOT, env={**os.environ, "PLANTED_KEY": world.sandbox.api_key}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 8, done.stderr
    assert json.loads(done.stderr.splitlines()[0])["requestid"] == world.jobs[-1].requestid


def stopped(process: Any, name: signal.Signals, ready: Callable[[], bool]) -> tuple[dict[str, Any], float]:
    """What the process says in the end, and how many seconds after the signal."""
    deadline = time.monotonic() + 90
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(name)
    sent = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    said = json.loads(out)
    assert said["error"]["exit_code"] == process.returncode
    return said, time.monotonic() - sent


def hanging(kinds: tuple[str, ...], seconds: float = 30) -> Callable[[Arrived, str, int], Any]:
    """A store that takes requests of these kinds and answers none of them."""

    def fault(request: Arrived, kind: str, before: int) -> Any:
        if kind in kinds:
            time.sleep(seconds)
            return "lose"
        return None

    return fault


@pytest.mark.slow
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("kind", ["part", "complete"])
def test_a_store_that_does_not_answer_holds_up_no_signal(
    world: World, tmp_path: Path, name: signal.Signals, kind: str
) -> None:
    faults = Faults(int(world.sandbox.endpoint_url.rpartition(":")[2]), hanging((kind,), 12))
    with world.untouched(), wire(faults) as proxy:
        process = started(world, tmp_path, world.config(stage={"endpoint_url": proxy.url}), "--json")
        said, seconds = stopped(process, name, lambda: kind in faults.seen)
    assert seconds < 8
    assert said["error"]["exit_code"] == 128 + name
    assert said["left_behind"] == []


@pytest.mark.slow
def test_what_cannot_be_aborted_in_time_is_told(world: World, tmp_path: Path) -> None:
    kinds = ("part", "abort")
    faults = Faults(int(world.sandbox.endpoint_url.rpartition(":")[2]), hanging(kinds, 12))
    with wire(faults) as proxy:
        process = started(world, tmp_path, world.config(stage={"endpoint_url": proxy.url}), "--json")
        said, seconds = stopped(process, signal.SIGTERM, lambda: "part" in faults.seen)
    assert seconds < 8
    (left,) = said["left_behind"]
    assert re.fullmatch(r"s3://contacts/hosted/\S+\.csv \(its unfinished upload\)", left)
    assert left in said["error"]["hint"]
    for upload in world.s3.list_multipart_uploads(Bucket="contacts").get("Uploads", []):
        world.s3.abort_multipart_upload(Bucket="contacts", Key=upload["Key"], UploadId=upload["UploadId"])


@pytest.mark.slow
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_while_waiting_for_the_job_ends_the_run(
    world: World, tmp_path: Path, name: signal.Signals
) -> None:
    with answering(SUCCESS) as api:
        process = started(world, tmp_path, world.waiting(60, submit={"base_url": api.url}), "--json")
        said, seconds = stopped(process, name, lambda: bool(api.arrived))
    assert seconds < 8
    assert said["state"] in ("submitted", "unknown")


@pytest.mark.slow
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_while_the_api_is_asked_waits_for_no_callback(
    world: World, tmp_path: Path, name: signal.Signals
) -> None:
    asked: list[bool] = []

    def silent(server: Wire, connection: socket.socket) -> None:
        read_request(connection)
        asked.append(True)
        hold(server, connection)

    with wire(silent) as api:
        process = started(world, tmp_path, world.waiting(60, submit={"base_url": api.url}), "--json")
        said, seconds = stopped(process, name, lambda: bool(asked))
    assert seconds < 8
    assert (said["state"], said["error"]["type"]) == ("unknown", "SubmitUnknown")
    assert name.name in said["error"]["message"]


@pytest.mark.slow
def test_a_signal_before_anything_is_sent_to_the_api_leaves_nothing(world: World, tmp_path: Path) -> None:
    """TLS is begun, and never answered."""
    with world.untouched(), wire(hold) as api:
        base_url = f"https://127.0.0.1:{api.port}"
        process = started(world, tmp_path, world.config(submit={"base_url": base_url}), "--json")
        said, seconds = stopped(process, signal.SIGTERM, lambda: api.connections > 0)
    assert seconds < 8
    assert (said["error"]["type"], said["error"]["retryable"]) == ("SubmitUnavailable", True)
    assert "Stopped (SIGTERM)" in said["error"]["message"]
    assert said["hosted"] is None


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_while_the_command_line_is_still_importing(tmp_path: Path, name: signal.Signals) -> None:
    """Sent as soon as our own code runs, long before the command line has been imported."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'click': os.kill(os.getpid(), int(os.environ['SEND']))\n"
        "sys.meta_path.insert(0, Watch())\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", "-c", "none.yaml", "--json"],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "SEND": str(int(name))},
    )  # fmt: skip
    assert done.returncode == 128 + name, done.stderr
    assert json.loads(done.stdout)["error"]["type"] == "Interrupted"
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_within_a_finalizer_is_not_lost(tmp_path: Path, name: signal.Signals) -> None:
    """Python prints and drops what is raised there, and garbage is collected at any time."""
    (tmp_path / "contract.py").write_text(
        "import os, time\n"
        "class Garbage:\n"
        f"    def __del__(self): os.kill(os.getpid(), {int(name)}); time.sleep(0.1)\n"
        "Garbage()\n"
        "time.sleep(30)\n"
    )
    (tmp_path / "config.yaml").write_text("contract: {schema: contract.py:CONTRACT}\n")
    (tmp_path / "contacts.csv").write_text("EMAIL\nanna@example.com\n")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "validate", "contacts.csv", "--json",
         "--output", "out"],
        capture_output=True, text=True, cwd=tmp_path, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 128 + name, done.stderr
    assert json.loads(done.stdout)["error"]["type"] == "Interrupted"
    assert done.stderr == ""


@pytest.mark.slow
def test_a_source_that_says_no_more_holds_up_no_signal(world: World, tmp_path: Path) -> None:
    config = world.config()
    config["submit"]["api_key"] = "${PLANTED_KEY}"
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    reader, writer = os.pipe()
    os.write(writer, b"EMAIL,CITY\n" + b"anna@example.com,Ulm\n" * 2000)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "-", "-c", str(tmp_path / "config.yaml"), "--json"],
        stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
        env={**os.environ, "PLANTED_KEY": world.sandbox.api_key},
    )  # fmt: skip
    os.close(reader)
    time.sleep(3)
    said, seconds = stopped(process, signal.SIGTERM, lambda: True)
    os.close(writer)
    assert seconds < 8
    assert said["error"]["exit_code"] == 143


FORKED = """
import os, sys, polars as pl
if sys.argv[1] == "used":
    pl.DataFrame({"a": [2, 1]}).select(pl.col("a").sort(), b=pl.col("a") + 1)
if sys.argv[1] == "ran":
    from pipeline import validate
    validate(sys.argv[2], sys.argv[3], output=sys.argv[4])
child = os.fork()
if child == 0:
    from pipeline import validate, PipelineError
    try:
        print(validate(sys.argv[2], sys.argv[3], output=sys.argv[4]).accepted, flush=True)
    except PipelineError as error:
        print(error.exit_code, error.message, error.hint, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("parent", "says"), [("imported", "2\n"), ("used", "2 polars"), ("ran", "2 polars")])
def test_a_fork_after_polars_has_worked_ends_at_once_with_what_to_do(
    world: World, tmp_path: Path, parent: str, says: str
) -> None:
    (tmp_path / "config.yaml").write_text(json.dumps({"contract": world.config()["contract"]}))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, parent, str(world.contacts),
         str(tmp_path / "config.yaml"), str(tmp_path / "out")],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.stdout.startswith(says), done.stdout + done.stderr
    if "polars" in says:
        assert "spawn" in done.stdout


@pytest.mark.slow
def test_a_hint_names_the_config_in_use(world: World, tmp_path: Path) -> None:
    def behave(server: Wire, connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer(403, b"<Error><Code>AccessDenied</Code></Error>"))

    with wire(behave) as store:
        process = started(world, tmp_path, world.config(stage={"endpoint_url": store.url}), "--json")
        out, _ = process.communicate(timeout=60)
    hint = json.loads(out)["error"]["hint"]
    assert f"python -m pipeline policy -c {tmp_path / 'config.yaml'} --permissions" in hint


@pytest.mark.slow
@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_paths_that_the_locale_cannot_spell_are_no_fault(
    world: World, tmp_path: Path, locale: dict[str, str]
) -> None:
    folder = os.fsencode(tmp_path) + "/kötü".encode() + b"\xff"
    source = folder + "/漢口.csv".encode()
    Path(os.fsdecode(folder)).mkdir()
    Path(os.fsdecode(source)).write_bytes(world.contacts.read_bytes())
    (tmp_path / "config.yaml").write_text(json.dumps({"contract": world.config()["contract"]}))
    for more in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", "validate", source, "-c", str(tmp_path / "config.yaml"),
             "-o", folder, *more],
            capture_output=True, cwd=ROOT, timeout=60, env={**os.environ, **locale},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert b"rejects.csv" in done.stdout
    assert Path(os.fsdecode(folder), "accepted.csv").exists()
