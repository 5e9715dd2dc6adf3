"""What the tests of Airflow share: one that runs takes half a minute to start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from integrations.bench import Bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A running Airflow, and what it submits to."""
    from integrations.bench import a_bench

    with a_bench(tmp_path_factory.mktemp("airflow")) as bench:
        yield bench
