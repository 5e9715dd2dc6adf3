"""The container's recipe and its CronJob: what they copy, call and allow is there, and is needed."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from pipeline.cli import cli
from pipeline.errors import PipelineError

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "container"


def instructions() -> list[tuple[str, str]]:
    lines = [line for line in (FOLDER / "Containerfile").read_text().splitlines() if not line.startswith("#")]
    pairs = (line.partition(" ") for line in lines if line)
    return [(name, rest) for name, _, rest in pairs]


def last(name: str) -> str:
    return [rest for each, rest in instructions() if each == name][-1]


def job() -> Any:
    return YAML(typ="safe").load((FOLDER / "cronjob.yaml").read_text())["spec"]["jobTemplate"]["spec"]


def parsed(arguments: list[str]) -> dict[str, Any]:
    """What the command line takes these for. Raises click's errors."""
    command = cli.commands[arguments[0]]
    with command.make_context(arguments[0], arguments[1:]) as context:
        assert isinstance(context, click.Context)
        return context.params


def test_the_image_is_made_of_what_there_is_and_runs_as_nobody_special() -> None:
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    assert [path for paths in copied for path in paths if not (ROOT / path).exists()] == []
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = package["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    needed = {
        Path(path).parts[0] for path in (*included, "README.md", "LICENSE", "pipeline", "pyproject.toml")
    }
    assert needed == {path for paths in copied for path in paths}
    assert last("USER") == "10001:10001"
    assert json.loads(last("ENTRYPOINT")) == list(package["project"]["scripts"])  # a process, not a shell
    assert parsed(json.loads(last("CMD")))["as_json"] is True


def test_the_pod_is_given_what_it_needs_and_no_more() -> None:
    pod = job()["template"]["spec"]
    (container,) = pod["containers"]
    assert parsed(container["args"])["config"] == "/config/upload.yaml"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == last("USER")
    assert pod["terminationGracePeriodSeconds"] >= 10
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounted == {"config": "/config", "data": "/data", "tmp": "/tmp"}  # noqa: S108 - it is the pod's
    assert {each["name"] for each in pod["volumes"]} == set(mounted)


@pytest.mark.parametrize("kind", PipelineError.__subclasses__())
def test_another_pod_is_started_where_another_try_may_help(kind: type[PipelineError]) -> None:
    (rule,) = job()["podFailurePolicy"]["rules"]
    below = [kind, *kind.__subclasses__()]
    may_help = any(each.retryable for each in below)
    assert (kind.exit_code in rule["onExitCodes"]["values"]) is not may_help
