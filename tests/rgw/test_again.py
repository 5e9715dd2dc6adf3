"""Running it again on a real store: death, company, and each role with exactly its permissions."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from crashes import (
    Bench,
    a_bench,
    all_at_once,
    check_after_a_death,
    check_nothing_is_left,
    events,
    kill_at_random,
    killed_at,
    stop_between_claim_and_post,
)

import pipeline
from pipeline import StageError
from pipeline.ledger import asking, callbacks, cleaning
from pipeline.ledger.asking import opened
from pipeline.policy import permissions
from pipeline.policy.command import carry_out, rules
from pipeline.spread.rejects import fetch

from .product import CONTENT, MODES, Product, by_action

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from .server import Server

COUNT = itertools.count()
UNKNOWN = [("claim.json", "after"), ("answer.json", "before")]  # the request may have left


@pytest.fixture
def bench(rgw: Server, s3: S3Client, bucket: str, tmp_path: Path) -> Iterator[Bench]:
    stage = {"bucket": bucket, "region": rgw.region}
    with a_bench(tmp_path / f"bench-{next(COUNT)}", s3, rgw.port, stage, rgw.owner) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize(("name", "moment"), events())
def test_killed_at_a_boundary_and_run_again(bench: Bench, name: str, moment: str) -> None:
    assert killed_at(bench, name, moment)
    check_after_a_death(bench, is_unknown=(name, moment) in UNKNOWN)
    check_nothing_is_left(bench)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_killed_at_any_moment_and_run_again(bench: Bench, seed: int) -> None:
    kill_at_random(bench, seed)
    check_after_a_death(bench)
    check_nothing_is_left(bench)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_stopped_between_claim_and_post_for_five_minutes_nothing_is_posted(bench: Bench) -> None:
    result = stop_between_claim_and_post(bench, 300)
    assert (result["code"], result["state"]) == (6, "unsent")
    assert bench.jobs.taken == []
    assert bench.run()[1]["state"] == "submitted"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sixteen_at_once_submit_once_twenty_times(bench: Bench) -> None:
    for round_ in range(1, 21):
        source = bench.folder / "contacts.csv"
        source.write_text(source.read_text() + f"zoe{round_}@example.com\n")
        results = all_at_once(bench)
        assert len(bench.jobs.taken) == round_
        assert {result["requestid"] for result in results} == {bench.jobs.taken[-1]}
        states = sorted(result["state"] for result in results)
        assert states == ["duplicate_of"] * 15 + ["submitted"]
    hosted = [name for name in bench.names() if name.startswith(("hosted/", "upload"))]
    assert len(hosted) == 20


def as_guest(product: Product, role: permissions.Role, **how: Any) -> None:
    """The product runs as the guest, who may do what --permissions --for says, and nothing else."""
    document = json.loads(carry_out(product.config(**how), "permissions", role=role))
    product.rgw.allow(product.rgw.guest, *by_action(document))
    product.use(product.rgw.guest)


def test_each_role_goes_with_its_permissions(product: Product) -> None:
    settings = product.config()
    as_guest(product, "run")
    first, second = product.run(), product.run()
    assert (first.state, second.state, second.duplicate_of) == ("submitted", "duplicate_of", first.run_id)

    as_guest(product, "listen")
    _, ledger = opened(settings)
    callbacks.hear(ledger, first.run_id, "POST", b'{"status": "Queued"}')
    for _ in range(2):
        callbacks.hear(ledger, first.run_id, "POST", b'{"status": "Completed", "success": 100}')
    for forbidden in (
        lambda: ledger.read(ledger.key("runs", first.run_id, "staged.json")),
        lambda: ledger.list("runs", ""),
        lambda: ledger.record(first.run_id, "cleaned", {}),
        lambda: ledger.create(ledger.key("claims", "x", "0001", "answer.json"), {}),
    ):
        with pytest.raises(StageError, match="AccessDenied"):
            forbidden()

    as_guest(product, "status")
    found = pipeline.status(first.run_id, settings)
    assert (found.state, found.callbacks, found.counts) == ("completed", 2, {"success": 100})
    assert [each.state for each in pipeline.status(None, settings)] == ["completed", "duplicate_of"]
    assert len(asking.raw_callbacks(first.run_id, settings)) == 2
    with pytest.raises(StageError, match="AccessDenied"):
        asking.clean(settings, older_than=timedelta(0))

    as_guest(product, "clean")
    assert asking.clean(settings) == []
    hosted = product.left()
    assert asking.clean(settings, older_than=timedelta(0)) == []  # its URL lives
    assert product.left() == hosted


def test_rejects_go_to_the_bucket_and_back_with_the_permissions_for_it(product: Product) -> None:
    product.source.write_bytes(CONTENT + b'""\n')
    sections = {"contract": {"rejects": "s3", "max_rejected": "1"}}
    as_guest(product, "run", sections=sections)
    result = product.run(sections=sections)
    assert result.rejects_file == f"s3://{product.bucket}/netcore/rejects/{result.run_id}/"
    as_guest(product, "status", sections=sections)
    fetch(result.run_id, product.folder / "fetched.csv", product.config(sections=sections))
    assert b"EMAIL:not_nullable" in (product.folder / "fetched.csv").read_bytes()
    as_guest(product, "clean", sections=sections)
    assert asking.clean(product.config(sections=sections)) == []  # rejects are kept for track.keep_bodies


def test_cleaning_with_its_permissions_leaves_what_is_young(product: Product, s3: S3Client) -> None:
    settings = product.config()
    _, ledger = opened(settings)
    key = "netcore/hosted/20261125T120000Z-0a1b2c3d-" + "f" * 32 + ".csv"
    s3.create_multipart_upload(Bucket=product.bucket, Key=key)
    s3.put_object(Bucket=product.bucket, Key=key, Body=b"EMAIL\n")
    callbacks.hear(ledger, "20261125T120000Z-0a1b2c3d", "POST", b"{}")
    as_guest(product, "clean")
    assert asking.clean(settings) == []
    found = list(cleaning.due(settings.model_copy(), ledger, timedelta(0)))
    assert [each.what for each in found] == ["upload"]  # the file's URL might live for a day
    assert [each.what for each in asking.clean(settings, older_than=timedelta(0))] == ["upload"]


def test_cleaning_takes_all_versions(product: Product, s3: S3Client) -> None:
    s3.put_bucket_versioning(Bucket=product.bucket, VersioningConfiguration={"Status": "Enabled"})
    settings = product.config(expires_in=1).model_copy(update={"ledger": "single_writer"})
    pipeline.run(product.source, settings, until="stage")
    (key,) = product.left()
    s3.delete_object(Bucket=product.bucket, Key=key)
    time.sleep(2)
    assert {each.what for each in asking.clean(settings)} == {"file"}
    left = s3.list_object_versions(Bucket=product.bucket, Prefix="netcore/hosted/")
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")


def test_an_open_ledger_stops_a_public_run(product: Product) -> None:
    carry_out(product.config(**MODES["public"]), "apply")
    assert product.run(**MODES["public"]).state == "submitted"
    s3 = product.rgw.client()
    document = json.loads(s3.get_bucket_policy(Bucket=product.bucket)["Policy"])
    document["Statement"].append(
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
         "Resource": f"arn:aws:s3:::{product.bucket}/netcore/*"}
    )  # fmt: skip
    s3.put_bucket_policy(Bucket=product.bucket, Policy=json.dumps(document))
    product.source.write_text("EMAIL\nzoe@example.com\n")
    with pytest.raises(StageError, match=r"Strangers can read netcore/runs/ \(HTTP 200\)") as raised:
        product.run(**MODES["public"])
    assert "netcore/hosted/* alone" in raised.value.hint
    assert len(product.api.arrived) == 1


def test_a_lifecycle_rule_is_asked_for_until_it_is_there(product: Product) -> None:
    result = product.run()
    assert any("lifecycle" in each for each in result.warnings)
    shown = json.loads(rules(product.config()))
    assert [rule["Filter"]["Prefix"] for rule in shown["Rules"]] == [
        f"netcore/{name}/" for name in ("hosted", "callbacks", "rejects")
    ]
    assert "now among" in rules(product.config(), apply=True)
    assert "already among" in rules(product.config(), apply=True)
    product.source.write_text("EMAIL\nzoe@example.com\n")
    assert not any("lifecycle" in each for each in product.run().warnings)
