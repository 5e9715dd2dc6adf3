"""What a frame on a cluster is refused for, and what is left then: nothing."""

from __future__ import annotations

import datetime as dt
import secrets
from pathlib import Path

import pandas as pd
import pytest
from world import World

from pipeline import ConfigError, RejectedRows, SourceError, StageError, run, validate
from pipeline.spread.rejects import fetch

from .clusters import Cluster, Here, cut
from .contacts import config, contacts, facts, rejects_in, rejects_of


def test_too_many_rejects_host_nothing_and_can_be_fetched(
    world: World, here: Here, cluster: Cluster, tmp_path: Path
) -> None:
    pieces = cut(contacts(90), 4)
    errors = []
    for engine in (here, cluster):
        made = config(world, tmp_path, contract={"max_rejected": 5})
        with world.untouched(), pytest.raises(RejectedRows, match="were rejected") as caught:
            run(engine.frame(pieces), made)
        errors.append(caught.value)
    local, found = errors
    assert local.result
    assert found.result
    assert found.message == local.message
    assert facts(found.result) == facts(local.result)
    assert found.result.run_id in found.hint
    written = tmp_path / "fetched.csv"
    fetch(found.result.run_id, written, made)
    assert written.read_bytes() == rejects_of(world, local.result)
    assert written.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="No rejects of run"):
        fetch("20260101T000000Z-00000000", written, made)


def test_a_frame_that_computes_differently_is_refused(world: World, cluster: Cluster, tmp_path: Path) -> None:
    """By as many rows of the same length: only their content tells."""

    def differs(part: pd.DataFrame) -> pd.DataFrame:
        other = part.copy()
        other.loc[other.index[:1], "EMAIL"] = f"{secrets.token_hex(8)}@example.com"
        return other

    made, before = config(world, tmp_path), rejects_in(world)
    with world.untouched(), pytest.raises(SourceError, match=r"Partition [0-3] is not what it was") as caught:
        run(cluster.frame(cut(contacts(80), 4), differs), made)
    assert "persist" in caught.value.hint
    assert rejects_in(world) == before


def test_the_contract_travels_and_workers_need_no_file(
    world: World, cluster: Cluster, tmp_path: Path
) -> None:
    """The file is gone by the time that a worker is to judge."""
    made = config(world, tmp_path)
    path = tmp_path / "contact.py"

    def without_file(part: pd.DataFrame) -> pd.DataFrame:
        path.unlink(missing_ok=True)
        return part

    found = run(cluster.frame(cut(contacts(40), 2), without_file), made, until="validate")
    assert not path.exists()
    assert found.reasons["AGE:not_13"]


def test_a_contract_of_two_files_is_told(
    world: World, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = config(world, tmp_path)
    (tmp_path / "beside_it.py").write_text("LIMIT = 13\n")
    contract = tmp_path / "contact.py"
    contract.write_text("from beside_it import LIMIT\n" + contract.read_text())
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="imports beside_it") as told:
        run(cluster.frame(cut(contacts(40), 2)), made, until="validate")
    assert "install beside_it on the workers" in told.value.hint


@pytest.mark.parametrize("parts", [1, 3])
def test_a_frame_without_rows_is_refused(world: World, cluster: Cluster, tmp_path: Path, parts: int) -> None:
    frame = cluster.frame(cut(contacts(5).head(0), parts))
    with world.untouched():
        with pytest.raises(SourceError, match="no records"):
            run(frame, config(world, tmp_path))
        allowed = run(frame, config(world, tmp_path, source={"allow_empty": True}))
    assert (allowed.records, allowed.hosted) == (0, None)


def test_a_value_without_certain_text_is_named_by_its_column(
    world: World, cluster: Cluster, tmp_path: Path
) -> None:
    frame = contacts(20).assign(AGE=[1.5] * 15 + [float(2**53)] * 5)
    with pytest.raises(SourceError, match=r"Partition 3, .*'AGE', row 0: a float of 9,007") as caught:
        run(cluster.frame(cut(frame, 4)), config(world, tmp_path), until="validate")
    assert "user" not in str(caught.value)


def test_what_would_bring_rows_here_is_refused(world: World, cluster: Cluster, tmp_path: Path) -> None:
    frame = cluster.frame(cut(contacts(5), 1))
    with pytest.raises(ConfigError, match="lies on a cluster"):
        validate(frame, config(world, tmp_path), output=tmp_path / "out")
    with pytest.raises(ConfigError, match="`first`"):
        run(frame, config(world, tmp_path), first=2)


def test_credentials_that_end_before_the_upload_may_are_refused_before_it_begins(
    world: World, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=14)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "planted-token")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", end.isoformat())
    made = config(world, tmp_path, stage={"min_lifetime": 0, "expires_in": 600}) | {"ledger": "off"}
    with pytest.raises(
        StageError, match=r"credentials end in 1[34] minutes, and the upload may take"
    ) as told:
        run(cluster.frame(cut(contacts(30), 2)), made, until="stage")
    assert "planted" not in str(told.value)
    assert told.value.result
    assert "stage" not in told.value.result.steps
    assert world.unfinished == 0


def test_workers_that_sign_by_their_own_role_outlive_the_credentials_here(
    world: World, here: Here, cluster: Cluster, role: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rejects too are put by it; and the file is that of the local engine."""
    pieces = cut(contacts(60), 3)
    local = run(here.frame(pieces), config(world, tmp_path), until="stage")
    end = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=14)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", end.isoformat())
    stage = {"min_lifetime": 0, "expires_in": 600, "workers_sign": True, "prefix": f"{cluster.name}/"}
    made = config(world, tmp_path, stage=stage) | {"ledger": "off"}
    role.write_text(
        f"[default]\naws_access_key_id = {world.store.access_key}\n"
        f"aws_secret_access_key = {world.store.secret_key}\n"
    )
    try:
        found = run(cluster.frame(pieces), made, until="stage")
    finally:
        role.unlink()
    assert facts(found) == facts(local)
    assert rejects_of(world, found) == rejects_of(world, local)
    assert world.unfinished == 0


def test_workers_that_are_to_sign_and_have_no_role_are_told(
    world: World, cluster: Cluster, tmp_path: Path
) -> None:
    made = config(world, tmp_path, stage={"workers_sign": True, "prefix": f"{cluster.name}/no-role/"})
    with world.untouched(), pytest.raises(StageError, match="No AWS credentials were found") as caught:
        run(cluster.frame(cut(contacts(60), 3)), made, until="stage")
    assert "on a worker (stage.workers_sign)" in caught.value.message
    assert world.unfinished == 0


def test_no_log_of_workers_has_contacts_or_signatures(
    world: World, cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor has one of this process: of a run that went well, and of two that did not."""
    caplog.set_level("DEBUG")
    pieces = cut(contacts(60), 3)
    run(cluster.frame(pieces), config(world, tmp_path), until="stage")
    broken = [pieces[0], pieces[1].assign(AGE=1.5j)]
    for parts, change in ((broken, None), (pieces, _raising)):
        with pytest.raises(SourceError) as caught:
            run(cluster.frame(parts, change), config(world, tmp_path), until="stage")
        assert "@example.com" not in str(caught.value)
    logs = caplog.text + cluster.logs()
    assert logs
    assert "X-Amz-Signature" not in logs
    assert "user1@example.com" not in logs


def _raising(part: pd.DataFrame) -> pd.DataFrame:
    raise ValueError
