"""Death, sleep and company, on the embedded store: the same command again is always right."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from crashes import (
    Bench,
    a_bench,
    all_at_once,
    check_after_a_death,
    check_nothing_is_left,
    ended_between_claim_and_post,
    events,
    kill_at_random,
    killed_at,
    stop_between_claim_and_post,
)
from ledgers import store_port
from world import World

COUNT = itertools.count()
UNKNOWN = [("claim.json", "after"), ("answer.json", "before")]  # the request may have left
pytestmark = pytest.mark.slow


@dataclass
class Keys:
    access_key: str
    secret_key: str


@pytest.fixture
def bench(world: World, tmp_path: Path) -> Iterator[Bench]:
    box = world.sandbox
    stage = {"bucket": box.bucket, "region": box.region}
    keys = Keys(box.access_key, box.secret_key)
    with a_bench(
        tmp_path / tmp_path.name[-20:].strip("_-0"), world.s3, store_port(world), stage, keys
    ) as made:
        yield made


@pytest.mark.parametrize(("name", "moment"), events())
def test_killed_at_a_boundary_and_run_again(bench: Bench, name: str, moment: str) -> None:
    assert killed_at(bench, name, moment)
    check_after_a_death(bench, is_unknown=(name, moment) in UNKNOWN)
    check_nothing_is_left(bench)


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_any_moment_and_run_again(bench: Bench, seed: int) -> None:
    kill_at_random(bench, seed)
    check_after_a_death(bench)
    check_nothing_is_left(bench)


def test_stopped_between_claim_and_post_for_too_long_nothing_is_posted(bench: Bench) -> None:
    result = stop_between_claim_and_post(bench, 21)
    assert (result["code"], result["state"]) == (6, "unsent")
    assert bench.jobs.taken == []
    code, again = bench.run()
    assert (code, again["state"]) == (0, "submitted")
    assert len(bench.jobs.taken) == 1


def test_stopped_between_claim_and_post_for_a_moment_it_goes_on(bench: Bench) -> None:
    assert stop_between_claim_and_post(bench, 2)["state"] == "submitted"
    assert len(bench.jobs.taken) == 1


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ended_between_claim_and_post_it_is_unsent_or_told(bench: Bench, signum: int) -> None:
    """The signal may come a moment late; what is said then is what holds."""
    result = ended_between_claim_and_post(bench, signum)
    code, again = bench.run()
    assert result["code"] != 0
    if bench.jobs.taken and result["state"] == "unknown":
        assert again["state"] in ("unknown", "duplicate_of")
    else:
        assert code == 0
        assert again["state"] == ("duplicate_of" if result["requestid"] else "submitted")
    assert len(bench.jobs.taken) <= 1


@pytest.mark.crowd
def test_sixteen_at_once_submit_once(bench: Bench) -> None:
    results = all_at_once(bench)
    assert len(bench.jobs.taken) == 1
    assert {result["requestid"] for result in results} == set(bench.jobs.taken)
    states = sorted(result["state"] for result in results)
    assert states == ["duplicate_of"] * 15 + ["submitted"]
    hosted = [name for name in bench.names() if name.startswith(("hosted/", "upload"))]
    assert len(hosted) == 1
    check_nothing_is_left(bench)


def test_a_retry_whose_source_grew_by_a_row_is_one_job_by_its_key(bench: Bench) -> None:
    assert bench.run("--run-key", "2026-11-25")[1]["state"] == "submitted"
    source = bench.folder / "contacts.csv"
    source.write_text(source.read_text() + "zoe@example.com\n")
    code, again = bench.run("--run-key", "2026-11-25")
    assert (code, again["state"], again["content_differs"]) == (0, "duplicate_of", True)
    assert len(bench.jobs.taken) == 1
