"""How runs end badly after the last record is judged: storage, API and job at fault, and being stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fakes import Arrived, Faults, Wire, answer, answering, free_port, hold, wire
from world import ROOT, World

from pipeline import (
    JobFailed,
    JobTimeout,
    PipelineError,
    StageError,
    SubmitRefused,
    SubmitUnavailable,
    SubmitUnknown,
    run,
    status,
    wait,
)
from pipeline.ledger.asking import opened
from pipeline.ledger.callbacks import hear

SUCCESS = answer(200, json.dumps({"requestid": "0123456789abcdef" * 2, "result": "Success"}).encode())


def fails(world: World, config: dict[str, Any], kind: type[PipelineError]) -> dict[str, Any]:
    """The result of a run that ends so, as `--json` would print it."""
    with pytest.raises(kind) as caught:
        run(world.contacts, config)
    assert type(caught.value) is kind
    assert caught.value.hint
    assert caught.value.result
    said = caught.value.result.to_dict()
    assert (said["records"], said["accepted"], said["rejected"]) == (6, 2, 4)
    assert set(said["error"]) == {"type", "message", "hint", "retryable", "exit_code"}
    assert said["error"]["type"] == kind.__name__
    json.dumps(said)
    return said


def test_no_such_bucket(world: World) -> None:
    with world.untouched(), pytest.raises(StageError, match="NoSuchBucket") as caught:
        run(world.contacts, world.config(stage={"bucket": "not-there"}))
    assert caught.value.retryable
    assert caught.value.result
    assert caught.value.result.state == "failed"


def test_the_api_refuses(world: World) -> None:
    with world.untouched(), answering(answer(200, b'{"result": "Invalid API key"}')) as api:
        said = fails(world, world.config(submit={"base_url": api.url}), SubmitRefused)
    assert (said["state"], said["hosted"], said["error"]["retryable"]) == ("refused", None, False)
    assert "Invalid API key" in said["error"]["message"]
    assert len(api.arrived) == 1


def test_the_api_cannot_be_reached(world: World) -> None:
    base_url = f"http://127.0.0.1:{free_port()}"
    with world.untouched():
        said = fails(world, world.config(submit={"base_url": base_url}), SubmitUnavailable)
    assert (said["state"], said["hosted"], said["error"]["retryable"]) == ("unsent", None, True)


@pytest.mark.parametrize("reply", [answer(500), answer(200, b"<html>ok</html>"), b""])
def test_nobody_knows_whether_the_api_took_it(world: World, reply: bytes) -> None:
    """Then the file stays, for the API may be fetching it."""
    before = len(world.keys)
    with answering(reply) as api:
        said = fails(world, world.config(submit={"base_url": api.url}), SubmitUnknown)
    assert (said["state"], said["error"]["retryable"], said["error"]["exit_code"]) == ("unknown", False, 6)
    assert said["hosted"]["key"] in world.keys
    assert len(world.keys) == before + 1
    assert len(api.arrived) == 1


def test_the_job_fails(world: World, tmp_path: Path) -> None:
    """The platform finds no EMAIL in what it fetched: the contract did not ask for one."""
    (tmp_path / "no.csv").write_text("MOBILE,CITY\n919876543210,Ulm\n")
    with pytest.raises(JobFailed) as caught:
        run(tmp_path / "no.csv", world.waiting(contract={"primary_key": "MOBILE"}))
    result = caught.value.result
    assert result
    assert (result.state, caught.value.exit_code, caught.value.retryable) == ("failed", 7, False)
    assert result.requestid
    assert result.requestid in caught.value.message
    assert result.hosted
    assert result.outcome
    assert (result.outcome.status, result.outcome.said) == ("failed", "Failed")


def test_the_job_does_not_call_back_in_time(world: World) -> None:
    with answering(SUCCESS) as api:
        said = fails(world, world.waiting(wait=1, submit={"base_url": api.url}), JobTimeout)
    assert (said["state"], said["requestid"]) == ("submitted", "0123456789abcdef" * 2)
    assert (said["error"]["retryable"], said["error"]["exit_code"]) == (True, 7)


def test_what_was_asked_for_again_is_not_to_be_retried(world: World) -> None:
    """Nor by a loop on `retryable`: it would be sent once more."""
    with answering(SUCCESS) as api:
        config = world.waiting(wait=1, submit={"base_url": api.url})
        with pytest.raises(JobTimeout) as caught:
            run(world.contacts, config, again=True)
        assert not caught.value.retryable
        assert "without --again" in caught.value.hint
        with pytest.raises(JobTimeout):  # as the hint says
            run(world.contacts, config)
    assert len(api.arrived) == 1


@pytest.mark.parametrize(
    ("counts", "state"),
    [({"success": 0}, "failed"), ({"success": 1}, "completed"), ({"success": 2}, "completed")],
)
def test_an_end_that_another_receiver_heard_is_judged_by_what_was_sent(
    world: World, counts: dict[str, int], state: str
) -> None:
    """The receiver may read nothing, and does not know how many there were."""
    with answering(SUCCESS) as api:
        config = world.config(submit={"base_url": api.url})
        sent = run(world.contacts, config)
        _, ledger = opened(config)
        hear(ledger, sent.run_id, "POST", json.dumps({"status": "Completed", **counts}).encode())
        found = status(sent.run_id, config)
        assert found.state == state
        assert any("loaded 1 of the 2" in each for each in found.warnings) == (counts["success"] == 1)
        for look in (lambda: wait(sent.run_id, config, seconds=0), lambda: run(world.contacts, config)):
            if state == "failed":
                with pytest.raises(JobFailed):
                    look()
            else:
                assert look().state in ("completed", "duplicate_of")
    assert len(api.arrived) == 1


def test_a_run_without_records_has_ended(world: World) -> None:
    settings = world.config(source={"allow_empty": True})
    result = run(pd.DataFrame({"EMAIL": pd.Series([], dtype=str)}), settings)
    assert wait(result.run_id, settings, seconds=0).state == "empty"
    assert status(result.run_id, settings).state == "empty"


# Being stopped


def rows_of_contacts(count: int) -> bytes:
    """A CSV of about 400 bytes for each."""
    rows = (b"a%d@example.com,%s\n" % (n, b"x" * 400) for n in range(count))
    return b"EMAIL,CITY\n" + b"".join(rows)


class Stopped:
    """`python -m pipeline run` in a process, sent a signal once `ready` says so."""

    def __init__(self, world: World, folder: Path, config: dict[str, Any], name: signal.Signals) -> None:
        config["submit"]["api_key"] = "${PLANTED_KEY}"
        (folder / "config.yaml").write_text(json.dumps(config))
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run", "-", "-c", str(folder / "config.yaml"), "--json"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
            env={**os.environ, "PLANTED_KEY": world.sandbox.api_key},
        )  # fmt: skip

    def when(self, ready: Callable[[], bool], given: bytes, *, close: bool = True) -> dict[str, Any]:
        """What it says in the end."""
        assert self.process.stdin
        self.process.stdin.write(given)
        self.process.stdin.flush()
        if close:
            self.process.stdin.close()
            self.process.stdin = None  # else `communicate` would close it once more
        deadline = time.monotonic() + 90
        while not ready():
            assert self.process.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.process.send_signal(self.name)
        out, err = self.process.communicate(timeout=60)
        assert b"Traceback" not in err
        said = json.loads(out)
        assert said["error"]["exit_code"] == self.process.returncode
        assert isinstance(said, dict)
        return said


@pytest.mark.slow
def test_stopped_while_reading(world: World, tmp_path: Path) -> None:
    """In the middle of a source that never ends, its upload begun."""
    with world.untouched():
        stopped = Stopped(world, tmp_path, world.config(), signal.SIGINT)
        said = stopped.when(lambda: world.unfinished == 1, rows_of_contacts(1_000), close=False)
    assert (said["error"]["exit_code"], said["error"]["retryable"]) == (130, True)
    assert (said["error"]["type"], said["state"], said["hosted"]) == ("Interrupted", "failed", None)


@pytest.mark.slow
@pytest.mark.parametrize("ledger", ["on", "off"])
def test_stopped_while_a_callback_is_to_prove_the_job(world: World, tmp_path: Path, ledger: str) -> None:
    """The API's answer was lost before: whether there is a job is as unknown as it was."""
    since: list[float] = []

    def is_waiting() -> bool:
        if api.arrived and not since:
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] > 2

    with answering(answer(500, b"")) as api:
        config = world.waiting(wait=60, submit={"base_url": api.url})
        if ledger == "off":
            config |= {"ledger": "off"}
        said = Stopped(world, tmp_path, config, signal.SIGTERM).when(is_waiting, world.contacts.read_bytes())
    assert (said["error"]["type"], said["state"]) == ("SubmitUnknown", "unknown")
    assert (said["error"]["exit_code"], said["error"]["retryable"]) == (6, False)
    assert said["hosted"]["key"] in world.keys


@pytest.mark.slow
def test_stopped_while_uploading(world: World, tmp_path: Path) -> None:
    """One part is there, the next on its way."""

    def slow(request: Arrived, kind: str, before: int) -> bytes | str | None:
        if kind == "part" and before:
            time.sleep(0.5)
            return "cut"
        return None

    port = int(world.sandbox.endpoint_url.rpartition(":")[2])
    faults = Faults(port, slow)
    with world.untouched(), wire(faults) as proxy:
        config = world.config(stage={"endpoint_url": proxy.url}, contract={"primary_key": []})
        stopped = Stopped(world, tmp_path, config, signal.SIGTERM)
        said = stopped.when(lambda: faults.seen.count("part") >= 2, rows_of_contacts(45_000))
    assert (said["error"]["exit_code"], said["error"]["retryable"]) == (143, True)
    assert "abort" in faults.seen
    assert "complete" not in faults.seen


@pytest.mark.slow
def test_stopped_while_the_api_is_asked(world: World, tmp_path: Path) -> None:
    before = len(world.keys)
    with wire(read_and(hold)) as api:
        stopped = Stopped(world, tmp_path, world.config(submit={"base_url": api.url}), signal.SIGTERM)
        said = stopped.when(lambda: bool(api.arrived), world.contacts.read_bytes())
    assert (said["state"], said["error"]["type"], said["error"]["exit_code"]) == (
        "unknown",
        "SubmitUnknown",
        6,
    )
    assert not said["error"]["retryable"]
    assert len(world.keys) == before + 1
    assert len(api.arrived) == 1


@pytest.mark.slow
def test_stopped_while_waiting(world: World, tmp_path: Path) -> None:
    with answering(SUCCESS) as api:
        config = world.waiting(wait=60, submit={"base_url": api.url})
        stopped = Stopped(world, tmp_path, config, signal.SIGINT)
        said = stopped.when(lambda: bool(api.arrived), world.contacts.read_bytes())
    # Between the API's answer and its being read the outcome is not known: a moment later it is.
    assert said["state"] in ("submitted", "unknown")
    if said["state"] == "submitted":
        assert said["error"]["retryable"]
        assert (said["error"]["exit_code"], said["requestid"]) == (130, "0123456789abcdef" * 2)
        assert "goes on at the platform" in said["error"]["hint"]


def read_and(then: Callable[[Wire, socket.socket], None]) -> Callable[[Wire, socket.socket], None]:
    """Reads and notes a request, answers nothing, does `then`."""
    from fakes import read_request

    def behave(server: Wire, connection: socket.socket) -> None:
        if request := read_request(connection):
            server.arrived.append(request)
            then(server, connection)

    return behave
