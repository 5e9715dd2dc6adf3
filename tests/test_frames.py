"""An error that leaves a public function carries no frame below it and nothing that led to it.

As who reports errors sees it: every frame's variables in full. Faults are put into every step, with contacts
in their variables and in their texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from traceback import TracebackException
from typing import Any, NoReturn

import pandas as pd
import pytest
from fakes import answer, answering
from world import CONTRACT, World, a_world, as_csv

import pipeline.errors
from pipeline import ConfigError, PipelineError, Unexpected, resolve, run, validate
from pipeline.ledger import asking

PHONE = "919812345678"
EMAIL = "planted.person@example.com"
ROWS = [["EMAIL", "MOBILE", "CITY"], [EMAIL, PHONE, "Plantagenet"]]
PLANTED = (PHONE, EMAIL, "Plantagenet")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("world")) as made:
        (made.folder / "good.csv").write_text(as_csv(ROWS))
        yield made


def fault(*_: object, **__: object) -> NoReturn:
    contact = f"{EMAIL}, {PHONE}"
    try:
        int(contact)
    except ValueError:
        raise ValueError(f"cannot take {contact}")  # noqa: B904 - with a context, as careless code has it
    raise AssertionError


def ends(call: Callable[[], Any]) -> PipelineError:
    """The error that the call ends in, having been looked at as a reporter does."""
    with pytest.raises(PipelineError) as caught:
        call()
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    report = TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in report.stack if "/pipeline/" in frame.filename]
    assert [(frame.filename, frame.name) for frame in ours] == [(pipeline.errors.__file__, "public")]
    printed = json.dumps(error.result.to_dict()) if error.result else ""
    for text in (str(error), repr(error), repr(error.result), printed, json.dumps(ours[0].locals)):
        assert not any(planted in text for planted in PLANTED), text
    return error


STEPS = [
    "pipeline.read.open_source",
    "pipeline.steps.load_contract",
    "pipeline.sorting.validate_slices",
    "pipeline.validation.examine",
    "pipeline.validation.split",
    "pipeline.rejects.Rejects.write",
    "pipeline.preflight.prepare",
    "pipeline.preflight.check",
    "pipeline.stage.Upload.write",
    "pipeline.stage.Upload.complete",
    "pipeline.stage.put_part",
    "pipeline.stage.begin",
    "pipeline.urls.link",
    "pipeline.submit.build",
    "pipeline.submit.submit",
    "pipeline.track.receiving",
    "pipeline.track.wait",
    "pipeline.config.file.load_config",
]


@pytest.mark.slow
@pytest.mark.parametrize("place", STEPS)
@pytest.mark.parametrize("kind", ["file", "frame"])
def test_a_fault_in_any_step_comes_without_frames(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, kind: str
) -> None:
    given: Any = world.folder / "good.csv"
    if kind == "frame":
        given = pd.DataFrame(ROWS[1:], columns=ROWS[0])
    monkeypatch.setattr(place, fault)
    config = world.waiting()
    error = ends(lambda: run(given, config))
    assert type(error) is Unexpected
    assert "ValueError, in fault, test_frames.py line" in error.message
    assert error.exit_code == 1


@pytest.mark.parametrize(
    ("place", "call"),
    [
        ("pipeline.ledger.asking.read_run", lambda config: pipeline.status("no-run", config)),
        ("pipeline.ledger.asking.read_run", lambda config: pipeline.wait("no-run", config, seconds=0)),
        ("pipeline.ledger.cleaning.due", asking.clean),
        ("pipeline.ledger.callbacks.bodies", lambda config: asking.raw_callbacks("no-run", config)),
        ("pipeline.resolve.opened", lambda config: resolve.mark("no-run", "1", config)),
        ("pipeline.resolve.opened", lambda config: resolve.resubmit("no-run", config)),
    ],
)
def test_a_fault_in_what_asks_the_ledger_comes_without_frames(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, call: Callable[[Any], Any]
) -> None:
    monkeypatch.setattr(place, fault)
    assert type(ends(lambda: call(world.config()))) is Unexpected


RAISES = "lambda s: (_ for _ in ()).throw(ValueError(f'cannot take {list(s)}'))"


@pytest.mark.slow
@pytest.mark.parametrize(
    "columns",
    [
        f'{{"EMAIL": pa.Column(str, pa.Check({RAISES}, name="broken"))}}',
        f'{{"EMAIL": pa.Column(str, pa.Check({RAISES}, element_wise=True, name="broken"))}}',
        f'{{"EMAIL": pa.Column(str, parsers=pa.Parser({RAISES}))}}',
        f'{{"EMAIL": pa.Column(str)}}, checks=pa.Check({RAISES}, name="broken")',
    ],
)
@pytest.mark.parametrize("which", ["run", "validate"])
def test_a_fault_in_the_contracts_code_comes_without_frames(
    world: World, tmp_path: Path, columns: str, which: str
) -> None:
    head = CONTRACT.split("SCHEMA")[0]
    (tmp_path / "own.py").write_text(f"{head}\nSCHEMA = pa.DataFrameSchema({columns})\n")
    config = world.config(contract={"schema": str(tmp_path / "own.py:SCHEMA"), "primary_key": []})
    frame = pd.DataFrame(ROWS[1:], columns=ROWS[0])
    call = (
        (lambda: run(frame, config)) if which == "run" else (lambda: validate(frame, config, output=tmp_path))
    )
    assert type(ends(call)) is ConfigError


def test_errors_on_purpose_come_without_frames_too(world: World) -> None:
    with answering(answer(200, json.dumps({"result": f"no {EMAIL}"}).encode())) as api:
        config = world.config(submit={"base_url": api.url})
        assert ends(lambda: run(pd.DataFrame(ROWS[1:], columns=ROWS[0]), config)).exit_code == 6


def test_what_stops_a_run_comes_without_frames(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.preflight.check", stop)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(world.folder / "good.csv", world.config())
    names = [entry.name for entry in caught.traceback if "/pipeline/" in str(entry.path)]
    assert names == ["public"]


def test_the_frames_can_be_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.preflight.check", fault)
    monkeypatch.setenv("PIPELINE_TRACEBACK", "1")
    with pytest.raises(ValueError, match="cannot take") as caught:
        run(world.folder / "good.csv", world.config())
    assert caught.traceback[-1].name == "fault"
    assert caught.value.__context__ is not None
