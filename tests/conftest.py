"""What all tests need."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from world import World

    from pipeline.ledger.events import Ledger

PREFIXES = (f"test-{number}/" for number in itertools.count())

# How long an example may take says more of the machine, and of what else it does, than of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# CI tries the same examples each time: a change fails there for what it did; new ones are found at desks.
settings.register_profile("ci", settings.get_profile("any machine"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "any machine")


def pytest_configure() -> None:
    """Do as an activated environment, and give signals back the meaning that nohup and `&` take from them."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long on one machine takes many times as long on another, or on the same beside much else."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Take back what the command line does to signals when a test calls it in this process."""
    handlers = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    hook = sys.unraisablehook
    yield
    sys.unraisablehook = hook
    for name, handler in handlers.items():
        signal.signal(name, handler)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A sandbox with contacts beside it, for all tests of a file."""
    from world import a_world

    with a_world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
def ledger(world: World) -> Ledger:
    """A ledger of the test's own in that sandbox."""
    from ledgers import a_ledger

    return a_ledger(world, next(PREFIXES))
