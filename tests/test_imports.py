"""Imports go one way: __main__ -> cli -> flow -> steps.py -> the steps -> (contract -> checks) | urls...

Read off the source, imports inside functions and those for type checkers alone included: none closes a
circle.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
STEPS = ("pipeline.read", "pipeline.validation", "pipeline.stage", "pipeline.submit", "pipeline.track")
BELOW_STEPS = ("pipeline.urls", "pipeline.engines", "pipeline.contract", "pipeline.sandbox")
FOR_ALL = tuple(f"pipeline.{name}" for name in ("errors", "handoffs", "period", "result", "config"))


class Import(NamedTuple):
    """`module` imports `name`, whether at its top or inside a function; `typing`: for type checkers only."""

    module: str
    name: str
    line: int
    typing: bool


def modules() -> dict[str, Path]:
    return {_name(path): path for path in sorted((ROOT / "pipeline").rglob("*.py"))}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(module: str, tree: ast.AST, *, package: bool, known: set[str]) -> Iterator[Import]:
    """Every import in that module, each by the name of the module that it loads."""
    for node, typing in _walk(tree, typing=False):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, typing)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            if node.level:
                keep = len(parts) - node.level + package
                base = ".".join([*parts[:keep], *([node.module] if node.module else [])])
            else:
                base = str(node.module)
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield Import(module, whole if whole in known else base, node.lineno, typing)
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant):
                    yield Import(module, str(argument.value), node.lineno, typing)


def _walk(node: ast.AST, *, typing: bool) -> Iterator[tuple[ast.AST, bool]]:
    yield node, typing
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        for statement in node.body:
            yield from _walk(statement, typing=True)
        for statement in node.orelse:
            yield from _walk(statement, typing=typing)
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, typing=typing)


@cache
def all_imports() -> tuple[Import, ...]:
    known = modules()
    return tuple(
        found
        for name, path in known.items()
        for found in imports_of(
            name, ast.parse(path.read_text()), package=path.name == "__init__.py", known=set(known)
        )
    )


def within(name: str, *packages: str) -> str | None:
    """The package of those that the module is, or is in."""
    return next((p for p in packages if name == p or name.startswith(f"{p}.")), None)


def wrong(imports: tuple[Import, ...]) -> list[str]:
    """The imports that break a rule, each with the rule."""
    return [f"{i.module}:{i.line} imports {i.name}: {why}" for i in imports if (why := _why(i))]


def _why(i: Import) -> str:
    step, other = within(i.module, *STEPS), within(i.name, *STEPS)
    if within(i.name, "schemas", "tests", "examples", "benchmarks"):
        return "a contract is loaded by path or dotted name; the package stands on its own"
    if step and other and step != other:
        return "no step imports another"
    if other and within(i.module, *BELOW_STEPS):
        return "what steps use imports no step"
    if i.name == "pipeline.cli" and i.module != "pipeline.__main__":
        return "nothing but __main__ imports cli"
    above = i.module in ("pipeline", "pipeline.cli") or within(i.module, "pipeline.integrations")
    if i.name == "pipeline.flow" and not above:
        return "nothing but cli, the integrations and the package itself imports flow"
    if within(i.name, "pipeline.integrations") and not within(i.module, "pipeline.integrations"):
        return "hosts import the integrations: nothing here does"
    if i.name in ("pipeline.console", "pipeline.live") and i.module not in (
        "pipeline.cli",
        "pipeline.commands",
        "pipeline.leaving",
    ):
        return "what a person reads is the command line's"
    if i.name == "pipeline" and i.module != "pipeline":
        return "names are imported from the modules that they are in"
    if within(i.module, "pipeline.checks") and within(i.name, "pipeline.contract"):
        return "the contract uses checks, not the other way round"
    if (
        within(i.name, "pipeline.sandbox")
        and not i.typing
        and not (within(i.module, "pipeline.sandbox") or i.module in ("pipeline.cli", "pipeline.steps"))
    ):
        return "the sandbox is put in from outside: nobody else knows of it"
    low = within(i.module, *FOR_ALL)
    if low and within(i.name, "pipeline") and not within(i.name, *FOR_ALL) and not i.typing:
        return "what all may use imports nothing above it"
    return ""


def cycle(imports: tuple[Import, ...]) -> list[str]:
    """A circle of imports, [] if there is none."""
    graph: dict[str, set[str]] = {}
    for i in imports:
        if within(i.name, "pipeline") and i.name not in (i.module, "pipeline") and i.module != "pipeline":
            graph.setdefault(i.module, set()).add(i.name)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_there_is_something_to_look_at() -> None:
    found = {(i.module, i.name) for i in all_imports()}
    assert ("pipeline.__main__", "pipeline.cli") in found
    assert ("pipeline.cli", "pipeline.flow") in found  # inside a function
    assert ("pipeline.steps", "pipeline.submit") in found
    assert ("pipeline.live", "pipeline.handoffs") in found  # for types only
    assert {step for step in STEPS if step not in modules()} == set()


def test_imports_go_one_way() -> None:
    assert wrong(all_imports()) == []


def test_no_imports_run_in_circles() -> None:
    assert cycle(all_imports()) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("pipeline.stage", "from pipeline.submit import build"),
        ("pipeline.stage", "def f():\n    from pipeline import submit"),
        ("pipeline.read.csv", "from ..track import wait"),
        ("pipeline.validation", "if TYPE_CHECKING:\n    from pipeline.read import x"),
        ("pipeline.urls.presigned", "import pipeline.stage"),
        ("pipeline.engines.local", "def f():\n    import pipeline.validation as v"),
        ("pipeline.contract.rules", "from importlib import import_module\nimport_module('pipeline.read')"),
        ("pipeline.console", "from pipeline.flow import Progress"),
        ("pipeline.flow", "from pipeline.cli import main"),
        ("pipeline.s3", "from pipeline.flow import run"),
        ("pipeline.contract", "import schemas.contact"),
        ("pipeline.submit", "from pipeline import ConfigError"),
        ("pipeline.config", "from pipeline.wire import redact"),
        ("pipeline.stage", "from pipeline.sandbox import start"),
        ("pipeline.cli", "from pipeline.integrations import airflow"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str) -> None:
    found = imports_of(module, ast.parse(source), package=False, known=set(modules()))
    assert len(wrong(tuple(found))) == 1


def test_a_circle_is_found_though_it_is_for_types_alone() -> None:
    one, two = Import("pipeline.a", "pipeline.b", 1, False), Import("pipeline.b", "pipeline.a", 1, True)
    assert cycle((one, two))
    assert not cycle((one,))
