"""The command line as a process: what it prints where, its exit codes, and how soon it answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
import pytest
from fakes import hold, wire

import pipeline.flow
from pipeline import JobFailed, RejectedRows, SourceError, StageError, SubmitRefused, SubmitUnknown
from pipeline.cli import cli, main
from pipeline.exits import Stopped
from pipeline.result import Result

ROOT = Path(__file__).parents[1]
PHONE = "919876543210"
KEYS = {
    "run_id", "state", "records", "accepted", "rejected", "rejects_file", "reasons", "hosted", "requestid",
    "outcome", "error",
}  # fmt: skip


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}, timeout=60,
    )  # fmt: skip


def one_object(out: str) -> dict[str, Any]:
    """The one JSON object on standard output; anything else there fails the test."""
    assert out.endswith("\n")
    assert out.count("\n") == 1
    said = json.loads(out)
    assert isinstance(said, dict)
    assert said.keys() >= KEYS
    return said


@pytest.fixture
def called(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Calls `main` in this process: its exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        out, err = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, out, err

    return call


@pytest.fixture
def run_ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | Result], None]:
    """Makes `flow.run` end in that way."""

    def ends(how: BaseException | Result) -> None:
        def run(*_: object, **__: object) -> Result:
            if isinstance(how, BaseException):
                raise how
            return how

        monkeypatch.setattr(pipeline.flow, "run", run)

    return ends


def test_every_command_has_help(called: Any) -> None:
    code, out, _ = called("--help")
    assert code == 0
    for name, known in cli.commands.items():
        assert name in out
        assert known.help
        assert known.help[0].isupper()
        code, text, err = called(name, "--help")
        assert (code, err) == (0, "")
        for option in known.params:
            if isinstance(option, click.Option):
                assert option.help, f"{name} {option.name}"
                assert option.opts[-1] in text


def test_the_exit_codes_in_the_help_are_the_errors_own(called: Any) -> None:
    _, out, _ = called("--help")
    words = " ".join(out.split())
    assert "0 done, 2 config or usage, 3 source, 4 rejected records, 5 storage, 6 API, 7 job" in words


@pytest.mark.timing
@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["run", "-c", "none.yaml"], ["run", "--until", "x"]]
)
def test_help_and_errors_come_at_once(arguments: list[str]) -> None:
    """Within 0.3 s, or more where Python itself takes more than 12 ms; one quiet moment of ten shows it."""

    def seconds(*command: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, cwd=ROOT, check=False)
        return time.perf_counter() - started

    bare = min(seconds("-c", "pass") for _ in range(5))
    within = max(0.3, 25 * bare)
    took: list[float] = []
    while not took or (min(took) >= within and len(took) < 10):
        took.append(seconds("-m", "pipeline", *arguments))
    assert min(took) < within, (took, bare)


def test_importing_the_package_is_cheap() -> None:
    heavy = {"pandas", "pandera", "boto3", "botocore", "polars", "pyarrow", "numpy", "requests", "pydantic"}
    heavy |= {"click", "rich", "moto", "flask", "werkzeug", "ruamel", "phonenumbers", "email_validator"}
    ask = f"import sys; print(sorted({heavy!r} & set(sys.modules)))"
    for first, loaded in [
        ("import pipeline", "[]"),
        ("import pipeline.cli", "['click']"),
        ("import pipeline.errors, pipeline.handoffs", "[]"),
    ]:
        done = subprocess.run(
            [sys.executable, "-c", f"{first}; {ask}"], capture_output=True, text=True, cwd=ROOT
        )
        assert done.stdout.strip() == loaded, first


def test_a_config_error_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom pipeline.cli import main\n"
        "try: main(['run', '-c', 'none.yaml'])\nexcept SystemExit as left: assert left.code == 2\n"
        "heavy = {'pandas', 'pandera', 'boto3', 'polars', 'pyarrow', 'requests', 'rich', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
    assert "none.yaml" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "-c", "none.yaml"],
        ["validate", "x.csv", "-c", "none.yaml", "-o", "out"],
        ["validate", "x.csv"],
        ["run", "--until", "lunch"],
        ["run", "a", "b"],
        ["run", "--nonsense"],
        ["nonsense"],
    ],
)
def test_usage_and_config_errors(called: Any, arguments: list[str]) -> None:
    code, out, err = called(*arguments)
    assert (code, out) == (2, "")
    assert "Error:" in err
    assert "Traceback" not in err
    code, out, err = called(*arguments, "--json")
    assert (code, err) == (2, "")
    said = one_object(out)
    assert said["state"] == "failed"
    assert said["error"]["exit_code"] == 2
    assert said["error"]["message"]
    assert not said["error"]["retryable"]


def test_as_a_process_too() -> None:
    done = command("run", "-c", "none.yaml", "--json")
    assert done.returncode == 2
    assert one_object(done.stdout)["error"]["type"] == "ConfigError"
    assert done.stderr == ""
    done = command()
    assert done.returncode == 2
    assert "Usage:" in done.stderr + done.stdout
    done = command("--version")
    assert done.returncode == 0


@pytest.mark.parametrize("is_on_path", [True, False])
def test_hints_can_be_pasted_where_the_program_was_called(tmp_path: Path, is_on_path: bool) -> None:
    python = Path(sys.executable)
    done = subprocess.run(
        [python, "-m", "pipeline", "run"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env={"PATH": str(python.parent if is_on_path else tmp_path)},
    )  # fmt: skip
    called = python.name if is_on_path else str(python)
    assert f"`{called} -m pipeline init`" in done.stderr


def test_the_config_schema_is_json(called: Any) -> None:
    code, out, _ = called("config-schema")
    schema = json.loads(out)
    assert code == 0
    assert schema["$schema"].endswith("2020-12/schema")
    assert {"source", "contract", "stage", "submit", "track", "sandbox"} <= schema["properties"].keys()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SourceError("no file", hint="look"), 3),
        (RejectedRows("too many", hint="mend"), 4),
        (StageError("no bucket", hint="check"), 5),
        (SubmitRefused("no", hint="ask"), 6),
        (SubmitUnknown("who knows", hint="look"), 6),
        (JobFailed("bad end", hint="look"), 7),
    ],
)
def test_one_error_is_one_exit_code(called: Any, run_ends: Any, error: Any, code: int) -> None:
    run_ends(error)
    left, out, err = called("run")
    assert (left, out) == (code, "")
    assert f"Error: {error.message}\n  -> {error.hint}" in err
    error.result = Result("run-1", state=error.state, records=3, error=error.failure())
    left, out, err = called("run", "--json")
    said = one_object(out)
    assert (left, err, said["run_id"], said["state"]) == (code, "", "run-1", error.state)
    assert said["error"] == {
        "type": type(error).__name__, "message": error.message, "hint": error.hint,
        "retryable": error.retryable, "exit_code": code,
    }  # fmt: skip


def test_success(called: Any, run_ends: Any) -> None:
    run_ends(Result("run-1", state="completed", records=3, accepted=2, rejected=1, reasons={"A:b": 1}))
    code, out, _ = called("run")
    assert code == 0
    assert "run-1" in out
    assert "A:b" in out
    code, out, err = called("run", "--json")
    assert (code, err) == (0, "")
    assert one_object(out)["error"] is None


def test_a_fault_of_ours_is_told_without_its_message(
    called: Any, run_ends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ends(ValueError(f"could not convert {PHONE}"))
    code, out, err = called("run")
    assert (code, out) == (1, "")
    assert "ValueError, in run, test_cli.py line" in err
    assert PHONE not in err
    code, out, err = called("run", "--json")
    assert (code, err) == (1, "")
    assert PHONE not in out
    assert one_object(out)["error"]["type"] == "Unexpected"
    run_ends(OSError(28, "No space left on device", PHONE))
    code, _, err = called("run")
    assert "No space left on device" in err
    assert PHONE not in err
    monkeypatch.setenv("PIPELINE_TRACEBACK", "1")
    with pytest.raises(OSError, match="No space"):
        main(["run"])


@pytest.mark.parametrize(("name", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption(called: Any, monkeypatch: pytest.MonkeyPatch, name: Any, code: int) -> None:
    result = Result("run-1", state="staged", records=3)

    def run(*_: object, **__: object) -> NoReturn:
        try:
            os.kill(os.getpid(), name)
            time.sleep(5)
        except Exception:  # noqa: BLE001 - as a check of pandera's does: which takes it for a failed row
            pytest.fail("an Exception was raised by the signal")
        except KeyboardInterrupt as stop:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            stop.result = result  # type: ignore[attr-defined]
            raise
        pytest.fail("no signal came")

    monkeypatch.setattr(pipeline.flow, "run", run)
    left, out, err = called("run")
    assert left == code
    assert f"Stopped by {name.name}" in err
    assert "run again" in err
    left, out, _ = called("run", "--json")
    assert left == code
    said = one_object(out)
    assert (said["run_id"], said["error"]["retryable"], said["error"]["exit_code"]) == ("run-1", True, code)
    result.requestid, result.state = "abc123", "submitted"
    left, out, _ = called("run", "--json")
    said = one_object(out)
    assert (said["state"], said["error"]["retryable"]) == ("submitted", False)
    assert "do not run it again" in said["error"]["hint"]


def test_a_stop_is_not_an_exception() -> None:
    assert not issubclass(Stopped, Exception)


@pytest.mark.slow
def test_a_stopped_run_tells_its_result(tmp_path: Path) -> None:
    """As a process: SIGTERM while the API is silent, after which nobody knows, and that is said."""
    text = (ROOT / "config.yaml").read_text().replace("sandbox: true", "sandbox: false")
    with wire(hold) as store:
        (tmp_path / "config.yaml").write_text(
            text.replace("examples/", f"{ROOT}/examples/").replace("schemas/", f"{ROOT}/schemas/")
            + f"\nstage:\n  bucket: some-bucket\n  region: us-east-1\n  endpoint_url: {store.url}\n"
        )
        started = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run", "-c", str(tmp_path / "config.yaml"), "--json",
             "--until", "stage"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
        )  # fmt: skip
        deadline = time.monotonic() + 90
        while not store.connections and time.monotonic() < deadline and started.poll() is None:
            time.sleep(0.05)
        started.send_signal(signal.SIGTERM)
        out, err = started.communicate(timeout=60)
    assert started.returncode == 143, err
    said = one_object(out)
    assert said["run_id"]
    assert said["state"] == "failed"
    assert said["error"]["type"] == "Interrupted"
    assert "Traceback" not in err


def test_a_closed_pipe_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "config-schema"],
        stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    os.close(writer)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_stays_until_it_is_stopped(name: signal.Signals) -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "sandbox"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert started.stdout is not None
    lines = [""]
    while "wait:" not in lines[-1]:
        lines.append(started.stdout.readline())
        assert lines[-1], "it ended by itself"
    started.send_signal(name)
    out, err = started.communicate(timeout=60)
    assert started.returncode == 0
    assert err == ""
    shown = "".join(lines) + out
    for needed in ("AWS_ACCESS_KEY_ID", "endpoint_url", "base_url", "callback_url"):
        assert needed in shown
