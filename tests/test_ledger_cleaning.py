"""Cleaning up: what may go and when, by the store's clock; what stays whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes import wire
from ledgers import Ahead, a_ledger, store_port
from world import World

from pipeline.config import Config
from pipeline.config.file import load_config
from pipeline.ledger import callbacks, claim, cleaning
from pipeline.ledger.claim import Wanted
from pipeline.ledger.events import Ledger

HOUR, DAY = 3600, 86400
RUN = "20261125T120000Z-0a1b2c3d"
JOB = Wanted("0" * 64, "1-1-1-1")


def hosted(ledger: Ledger, run_id: str = RUN) -> str:
    """The key of a file as a run hosts it."""
    key = ledger.key("hosted", f"{run_id}-{'f' * 32}.csv")
    ledger.store.client.put_object(Bucket=ledger.store.bucket, Key=key, Body=b"EMAIL\n")
    return key


def staged(ledger: Ledger, seconds: float | None = DAY, mode: str = "presigned", run_id: str = RUN) -> str:
    """A file whose URL lives so long, staged by a run."""
    ledger.record(run_id, "started", {})
    end = f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}" if seconds else None
    ledger.record(run_id, "staged", {"claim": JOB.id, "url_mode": mode, "expires_at": end})
    return hosted(ledger, run_id)


def settings(ledger: Ledger, **sections: Any) -> Config:
    stage = {"bucket": ledger.store.bucket, "prefix": ledger.store.config.prefix}
    return load_config(
        {"contract": {"schema": "x.py:X"}, "stage": stage | sections.pop("stage", {})} | sections
    )


@contextmanager
def later(world: World, ledger: Ledger, seconds: float) -> Iterator[Ledger]:
    """The same ledger, with the store's clock so far ahead."""
    Ahead.seconds = seconds
    with wire(Ahead(store_port(world), lambda *_: None)) as proxy:
        yield a_ledger(world, ledger.store.config.prefix, proxy.port)


def cleaned(world: World, ledger: Ledger, seconds: float, **sections: Any) -> list[str]:
    """Keys that may go when so many seconds have passed."""
    with later(world, ledger, seconds) as then:
        return [each.key for each in cleaning.due(settings(ledger, **sections), then, timedelta(hours=48))]


def swept(world: World, ledger: Ledger, seconds: float, **sections: Any) -> list[str]:
    with later(world, ledger, seconds) as then:
        return [each.key for each in cleaning.swept(settings(ledger, **sections), then, "another-run")]


def below(ledger: Ledger) -> list[str]:
    return sorted(key.removeprefix(ledger.key("")) for key in ledger.list("").modified)


def remove_all(world: World, ledger: Ledger, seconds: float) -> None:
    with later(world, ledger, seconds) as then:
        for each in list(cleaning.due(settings(ledger), then, timedelta(hours=48))):
            cleaning.remove(then, each)


@pytest.mark.slow
@pytest.mark.parametrize("answer", [None, "submitted", "refused", "unsent"])
def test_a_presigned_file_goes_once_its_url_is_dead_whatever_the_state(
    world: World, ledger: Ledger, answer: str | None
) -> None:
    key = staged(ledger)
    if answer:
        mine = claim.new(JOB, RUN, 1)
        assert claim.take(ledger, mine)
        claim.answer(ledger, mine, answer)
    for look in (cleaned, swept):
        assert look(world, ledger, DAY - 60) == []
        assert look(world, ledger, DAY + 60) == [key]


def test_a_url_that_lives_for_a_week_outlives_the_age_at_which_unknown_files_go(
    world: World, ledger: Ledger
) -> None:
    key = staged(ledger, 7 * DAY)
    assert cleaned(world, ledger, 6.9 * DAY) == []
    assert cleaned(world, ledger, 7.1 * DAY) == [key]


def test_credentials_that_do_not_tell_their_end_leave_the_configured_life(
    world: World, ledger: Ledger
) -> None:
    key = staged(ledger, None)
    assert cleaned(world, ledger, DAY - 60) == []
    assert cleaned(world, ledger, DAY + 60) == [key]


@pytest.mark.slow
def test_a_file_goes_an_hour_after_a_terminal_callback(world: World, ledger: Ledger) -> None:
    key = staged(ledger, 7 * DAY)
    callbacks.hear(ledger, RUN, "POST", b'{"status": "Queued"}')
    assert cleaned(world, ledger, 2 * HOUR) == []
    callbacks.hear(ledger, RUN, "POST", b'{"status": "Completed"}')
    assert cleaned(world, ledger, HOUR - 60) == []
    assert cleaned(world, ledger, HOUR + 60) == [key]


def test_an_end_that_no_callback_told_does_not_shorten_the_life(world: World, ledger: Ledger) -> None:
    staged(ledger)
    ledger.record(RUN, "ended", {"ended": "failed", "error": "StageError"})
    assert cleaned(world, ledger, DAY - 60) == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["allowlisted", "public"])
@pytest.mark.parametrize("answered", [True, False])
def test_a_file_with_a_plain_url_is_kept_for_some_days_after_the_answer(
    world: World, ledger: Ledger, mode: str, answered: bool
) -> None:
    key = staged(ledger, None, mode)
    mine = claim.new(JOB, RUN, 1)
    assert claim.take(ledger, mine)
    if answered:
        claim.answer(ledger, mine, "submitted", "abc")
    assert cleaned(world, ledger, 3 * DAY - 60) == []
    assert cleaned(world, ledger, DAY + 60, stage={"keep": "1d"}) == [key]
    with later(world, ledger, 3 * DAY + 60) as then:
        (found,) = cleaning.due(settings(ledger), then, timedelta(hours=48))
    assert found.key == key
    assert ("still unknown" in found.why) is not answered


def test_another_runs_claim_does_not_prolong_a_files_life(world: World, ledger: Ledger) -> None:
    key = staged(ledger, None, "allowlisted")
    other = claim.new(JOB, "20261125T130000Z-0a1b2c3d", 1)
    assert claim.take(ledger, other)
    assert cleaned(world, ledger, 3 * DAY + 60) == [key]


@pytest.mark.slow
def test_a_file_that_no_run_knows_goes_by_its_age(world: World, ledger: Ledger) -> None:
    key = hosted(ledger)
    assert cleaned(world, ledger, 48 * HOUR - 60) == swept(world, ledger, 90 * DAY) == []
    assert cleaned(world, ledger, 48 * HOUR + 60, stage={"expires_in": "7d"}) == []
    assert cleaned(world, ledger, 48 * HOUR + 60) == [key]
    ledger.record(RUN, "started", {})  # one that was killed before it was recorded as staged
    assert cleaned(world, ledger, 48 * HOUR + 60) == [key]


def test_unfinished_uploads_go_by_their_age(world: World, ledger: Ledger) -> None:
    client, bucket = ledger.store.client, ledger.store.bucket
    names = [f"{RUN}-{'f' * 32}.csv", "somebody-elses.csv"]
    uploads = [client.create_multipart_upload(Bucket=bucket, Key=ledger.key("hosted", n)) for n in names]
    # To moto every upload began in 2010; that a young one stays is shown on a real store (tests/rgw).
    assert cleaned(world, ledger, 0) == [ledger.key("hosted", names[0])]
    remove_all(world, ledger, 48 * HOUR + 60)
    left = client.list_multipart_uploads(Bucket=bucket, Prefix=ledger.key("")).get("Uploads", [])
    assert [each["UploadId"] for each in left] == [uploads[1]["UploadId"]]
    client.abort_multipart_upload(Bucket=bucket, Key=uploads[1]["Key"], UploadId=uploads[1]["UploadId"])


def test_bodies_of_callbacks_go_and_their_events_stay(world: World, ledger: Ledger) -> None:
    callbacks.hear(ledger, RUN, "POST", b'{"status": "Completed"}')
    assert cleaned(world, ledger, 30 * DAY - 60) == []
    assert len(cleaned(world, ledger, HOUR + 60, track={"keep_bodies": "1h"})) == 1
    remove_all(world, ledger, 30 * DAY + 60)
    assert callbacks.bodies(ledger, RUN) == []
    assert [name.split("/")[0] for name in below(ledger)] == ["runs", "runs"]


@pytest.mark.slow
def test_nothing_that_is_not_ours_and_no_event_or_claim_ever_goes(world: World, ledger: Ledger) -> None:
    staged(ledger)
    mine = claim.new(JOB, RUN, 1)
    assert claim.take(ledger, mine)
    ledger.prove()
    ours = below(ledger)
    names = [
        "hosted/readme.txt",
        "hosted/contacts.csv",
        f"hosted/{RUN}.csv",
        f"hosted/{RUN}-{'f' * 31}.csv",
        f"hosted/sub/{RUN}-{'f' * 32}.csv",
        f"hosted/{RUN}-{'F' * 32}.csv",
        f"callbacks/{RUN}/notes.txt",
        "callbacks/x",
        f"hosted2/{RUN}-{'f' * 32}.csv",
        "claims/x",
    ]
    for name in names:
        ledger.store.client.put_object(Bucket=ledger.store.bucket, Key=ledger.key(name), Body=b"x")
    remove_all(world, ledger, 1000 * DAY)
    gone = {f"hosted/{RUN}-{'f' * 32}.csv"}
    assert below(ledger) == sorted({*ours, *names, f"runs/{RUN}/cleaned.json"} - gone)
    remove_all(world, ledger, 1000 * DAY)


@pytest.mark.slow
def test_the_end_of_a_file_is_recorded_with_its_run(world: World, ledger: Ledger) -> None:
    staged(ledger)
    remove_all(world, ledger, DAY + 60)
    facts = {event.kind: event.facts for event in ledger.run_events(RUN)}
    assert facts["cleaned"]["why"] == "its URL has expired"
    orphan = "20261125T130000Z-0a1b2c3d"
    hosted(ledger, orphan)
    remove_all(world, ledger, 3 * DAY)
    assert list(ledger.run_events(orphan)) == []  # no history is made for a run that has none


def test_all_versions_go_on_a_versioned_bucket(world: World, ledger: Ledger) -> None:
    client, bucket = ledger.store.client, "versioned"
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    there = Ledger(
        type(ledger.store)(ledger.store.config.model_copy(update={"bucket": bucket}), ledger.store.keys)
    )
    key = staged(there, -60)
    hosted(there)
    client.delete_object(Bucket=bucket, Key=key)
    for each in list(cleaning.due(settings(there), there, timedelta(hours=48))):
        cleaning.remove(there, each)
    found = client.list_object_versions(Bucket=bucket, Prefix=there.key("hosted", ""))
    assert not found.get("Versions")
    assert not found.get("DeleteMarkers")


@pytest.mark.slow
def test_a_run_sweeps_twenty_files_at_most_the_oldest_first_and_not_its_own(
    world: World, ledger: Ledger
) -> None:
    run_ids = [f"20261125T12{n:02}00Z-0a1b2c3d" for n in range(25)]
    keys = [staged(ledger, HOUR, run_id=run_id) for run_id in run_ids]
    found = swept(world, ledger, 2 * DAY)
    assert len(found) == cleaning.SWEPT
    assert set(found) < set(keys)
    with later(world, ledger, 2 * DAY) as then:
        own = [each.run_id for each in cleaning.swept(settings(ledger), then, run_ids[0])]
    assert run_ids[0] not in own
