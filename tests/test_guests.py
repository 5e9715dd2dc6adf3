"""What a host hands in and gets back: its sessions, errors and results that travel, runs that it stops."""

from __future__ import annotations

import asyncio
import pickle
import signal
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pandas as pd
import pytest
import requests
from fakes import answering, reset
from requests.adapters import HTTPAdapter
from urllib3.util import Retry
from world import World, a_world

import pipeline
from pipeline import PipelineError, Progress, Result, SubmitUnknown, Unexpected, run, status, wait

FRAME = pd.DataFrame({"EMAIL": [f"asha{n}@example.com" for n in range(3000)]})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("guests")) as made:
        yield made


class Watching(HTTPAdapter):
    """The connections of a host, which sees what goes over them."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.sent: list[requests.PreparedRequest] = []
        self.is_closed = False

    def send(self, request: requests.PreparedRequest, *args: Any, **how: Any) -> requests.Response:
        self.sent.append(request)
        return super().send(request, *args, **how)

    def close(self) -> None:
        self.is_closed = True
        super().close()


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.mount("http://", Watching())
        yield made


@pytest.mark.slow
def test_a_boto3_session_is_used_and_left_as_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    box = world.sandbox
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")  # the way that would be taken without a session
    session = boto3.Session(box.access_key, box.secret_key)
    config = world.config()
    result = run(world.contacts, config, session=session)
    assert result.state == "submitted"
    assert status(result.run_id, config, session=session).state == "submitted"
    assert [each.run_id for each in status(None, config, session=session)] == [result.run_id]
    with pytest.raises(pipeline.JobTimeout):
        wait(result.run_id, config, seconds=0, session=session)
    assert not session.region_name
    with pytest.raises(pipeline.StageError):
        run(world.contacts, world.config())


def test_a_requests_session_lends_its_connections_and_nothing_else(
    world: World, http: requests.Session
) -> None:
    http.auth, http.headers["Cookie"], http.headers["X-Host"] = ("user", "planted"), "planted", "planted"
    result = run(world.contacts, world.config(), http=http)
    assert result.state == "submitted"
    adapter = http.get_adapter("http://")
    assert isinstance(adapter, Watching)
    assert [each.method for each in adapter.sent] == ["PUT", "GET", "POST"]  # a part, the pre-flight, the API
    assert "planted" not in str([each.headers for each in adapter.sent])
    assert not any("Authorization" in each.headers for each in adapter.sent)
    assert not adapter.is_closed
    assert http.get(world.sandbox.endpoint_url).request.headers["X-Host"] == "planted"  # it goes on as before


def test_what_a_session_sends_again_is_not_submitted_again(world: World) -> None:
    with requests.Session() as http, answering(b"", then=reset) as api:
        http.mount("http://", HTTPAdapter(max_retries=Retry(5, allowed_methods=None, backoff_factor=0)))
        with pytest.raises(SubmitUnknown):
            run(world.contacts, world.config(submit={"base_url": f"{api.url}/apiv2"}), http=http)
    assert sum(b"path=" in each.body for each in api.arrived) == 1


def travelled(thing: Any) -> Any:
    """The thing as it arrives in another process."""
    return pickle.loads(pickle.dumps(thing))  # noqa: S301 - it is our own


@pytest.mark.parametrize("name", [n for n in pipeline.__all__ if isinstance(getattr(pipeline, n), type)])
def test_errors_and_results_can_be_pickled(name: str) -> None:
    kind = getattr(pipeline, name)
    if not issubclass(kind, PipelineError):
        return
    error = Unexpected(_raised()) if kind is Unexpected else kind("What happened.", hint="What to do.")
    error.result = Result("20260101T000000Z-0", reasons={"EMAIL:email": 1}, error=error.failure())
    error.retry_after = 7
    again = travelled(error)
    assert type(again) is kind
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))


def _raised() -> Exception:
    try:
        int("planted")
    except ValueError as error:
        return error
    raise AssertionError


def test_an_error_of_a_run_comes_out_of_another_process_with_its_result(world: World) -> None:
    config = world.config(contract={"max_rejected": 0})
    with pytest.raises(pipeline.RejectedRows) as caught:
        run(world.contacts, config)
    again = travelled(caught.value)
    assert again.result == caught.value.result
    assert again.result.state == "rejected"
    assert travelled(run(world.contacts, world.config())).state == "submitted"


def test_a_result_is_a_table_in_a_notebook(world: World) -> None:
    result = run(world.contacts, world.config())
    result.reasons["<b>:x"] = 1000
    table = result._repr_html_()
    assert table.startswith("<table><tr><th>run</th>")
    assert "<tr><th>accepted</th><td>2</td></tr>" in table
    assert "<tr><th>– &lt;b&gt;:x</th><td>1,000</td></tr>" in table
    assert f"<td>{result.requestid}</td>" in table
    assert "error" not in table
    with pytest.raises(PipelineError) as caught:
        run(world.contacts, world.config(contract={"max_rejected": 0}))
    assert caught.value.result
    assert "<th>error</th>" in caught.value.result._repr_html_()


@pytest.mark.slow
def test_a_cancelled_task_leaves_nothing_behind(world: World) -> None:
    reached, stop = threading.Event(), threading.Event()

    def progress(now: Progress) -> None:
        if now.step == "validate" and now.done:
            reached.set()
            stop.wait(10)
            raise asyncio.CancelledError

    async def host() -> None:
        task = asyncio.create_task(
            asyncio.to_thread(run, FRAME, world.config(), progress=progress, slice_bytes=4096)
        )
        while not reached.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        stop.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    with world.untouched():
        asyncio.run(host())  # waits for its threads
    assert not [each.name for each in threading.enumerate() if each.name.startswith("pipeline-")]


def test_ctrl_c_in_the_main_thread_leaves_nothing_behind(world: World) -> None:
    def progress(now: Progress) -> None:
        if now.step == "validate" and now.done:
            signal.raise_signal(signal.SIGINT)

    with world.untouched(), pytest.raises(KeyboardInterrupt) as caught:
        run(FRAME, world.config(), progress=progress, slice_bytes=4096)
    assert caught.value.result.run_id  # type: ignore[attr-defined]
    assert not [each.name for each in threading.enumerate() if each.name.startswith("pipeline-")]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
