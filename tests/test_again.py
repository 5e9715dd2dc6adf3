"""Running it again: at most one job by itself, in doubt said, and what happened is in the bucket."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fakes import Arrived, Faults, Wire, answer, answering, reset, wire
from ledgers import Ahead, store_port
from world import World

import pipeline
from pipeline import (
    ConfigError,
    JobFailed,
    JobTimeout,
    LedgerError,
    PipelineError,
    Result,
    StageError,
    SubmitRefused,
    SubmitUnavailable,
    SubmitUnknown,
    resolve,
    run,
)

SUCCESS = answer(200, b'{"requestid": "0123456789abcdef0123456789abcdef", "result": "Success"}')
REQUESTID = "0123456789abcdef" * 2
REFUSED = answer(200, b'{"result": "Invalid list"}')
HOUR = 3600


@pytest.fixture
def api() -> Iterator[Wire]:
    with answering(SUCCESS) as server:
        yield server


def config(world: World, api: Wire, **sections: Any) -> dict[str, Any]:
    """A config of its own, so that its jobs are nobody else's."""
    made = world.config(**sections)
    made["submit"]["base_url"] = api.url
    return made


def ends(start: Callable[[], Result], error: type[PipelineError]) -> PipelineError:
    with pytest.raises(error) as raised:
        start()
    assert raised.value.hint
    return raised.value


def ahead(world: World, seconds: float) -> AbstractContextManager[Wire]:
    Ahead.seconds = seconds
    return wire(Ahead(store_port(world), lambda *_: None))


def through(settings: dict[str, Any], proxy: Wire) -> dict[str, Any]:
    """The same config with a store that is reached through that proxy."""
    return settings | {"stage": settings["stage"] | {"endpoint_url": proxy.url}}


@contextmanager
def nothing_sent(api: Wire) -> Iterator[None]:
    before = len(api.arrived)
    yield
    assert len(api.arrived) == before


def state(settings: dict[str, Any], result: Result | None) -> str:
    assert result
    return pipeline.status(result.run_id, settings).state


# The same again


def test_the_same_content_is_one_job(world: World, api: Wire) -> None:
    settings = config(world, api)
    first = run(world.contacts, settings)
    before = world.keys
    second = run(world.contacts, settings)
    assert (first.state, second.state) == ("submitted", "duplicate_of")
    assert (second.duplicate_of, second.requestid) == (first.run_id, REQUESTID)
    assert (second.hosted, second.content_differs) == (None, False)
    assert len(api.arrived) == 1
    assert world.keys == before
    assert world.unfinished == 0
    assert [state(settings, each) for each in (first, second)] == ["submitted", "duplicate_of"]


@pytest.mark.slow
def test_other_content_another_list_or_another_account_is_another_job(world: World, api: Wire) -> None:
    settings = config(world, api)
    run(world.contacts, settings)
    for changed in ({"listid": 7}, {"account": "another"}, {"api_key": settings["submit"]["api_key"]}):
        run(world.contacts, settings | {"submit": settings["submit"] | changed})
    assert len(api.arrived) == 3
    more = world.folder / "more.csv"
    more.write_text(world.contacts.read_text() + "zoe@example.com,,Ulm,\n")
    assert run(more, settings).state == "submitted"
    assert len(api.arrived) == 4


@pytest.mark.slow
def test_a_frame_and_a_file_with_the_same_contacts_are_the_same(world: World, api: Wire) -> None:
    settings = config(world, api)
    run(world.contacts, settings, slice_bytes=1 << 16)
    frame = pd.read_csv(world.contacts, dtype=str, keep_default_na=False)
    assert run(frame, settings).state == "duplicate_of"
    assert len(api.arrived) == 1


@pytest.mark.slow
def test_a_run_key_stands_for_its_job_whatever_the_content(world: World, api: Wire, tmp_path: Path) -> None:
    settings = config(world, api)
    first = run(world.contacts, settings, run_key="2026-11-25")
    grown = tmp_path / "grown.csv"
    grown.write_text(world.contacts.read_text() + "zoe@example.com,,Ulm,\n")
    second = run(grown, settings, run_key="2026-11-25")
    assert (second.state, second.duplicate_of, second.content_differs) == ("duplicate_of", first.run_id, True)
    assert second.to_dict()["content_differs"] is True
    assert len(api.arrived) == 1
    assert run(grown, settings, run_key="2026-11-26").state == "submitted"
    assert len(api.arrived) == 2


@pytest.mark.slow
def test_again_sends_the_same_once_more_and_each_time(world: World, api: Wire) -> None:
    settings = config(world, api)
    for key in (None, "2026-11-25"):
        before = len(api.arrived)
        assert [run(world.contacts, settings, run_key=key, again=n > 0).state for n in range(3)] == [
            "submitted"
        ] * 3
        assert len(api.arrived) == before + 3
        assert run(world.contacts, settings, run_key=key).state == "duplicate_of"


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"submit": {"again_after": "3h"}}])
def test_an_unchanged_nightly_file_is_sent_and_a_retry_is_not(
    world: World, api: Wire, how: dict[str, Any]
) -> None:
    settings, hours = config(world, api, **how), 3 if how else 12
    run(world.contacts, settings)
    for seconds, sent in ((hours * HOUR - 60, 1), (hours * HOUR + 60, 2)):
        with ahead(world, seconds) as proxy:
            run(world.contacts, through(settings, proxy))
        assert len(api.arrived) == sent


@pytest.mark.slow
def test_a_run_key_is_never_sent_again_by_its_age(world: World, api: Wire) -> None:
    settings = config(world, api, submit={"run_key": "2026-11-25"})
    run(world.contacts, settings)
    with ahead(world, 1000 * HOUR) as proxy:
        assert run(world.contacts, through(settings, proxy)).state == "duplicate_of"
    assert len(api.arrived) == 1


@pytest.mark.slow
def test_a_refusal_opens_the_next_attempt_at_once_to_other_content_too(world: World, tmp_path: Path) -> None:
    with answering(REFUSED) as no:
        settings = config(world, no)
        refused = ends(lambda: run(world.contacts, settings, run_key="k"), SubmitRefused)
        assert state(settings, refused.result) == "refused"
    grown = tmp_path / "grown.csv"
    grown.write_text(world.contacts.read_text() + "zoe@example.com,,Ulm,\n")
    with answering(SUCCESS) as yes:
        settings["submit"]["base_url"] = no.url.replace(str(no.port), str(yes.port))
        assert run(grown, settings, run_key="k").state == "submitted"


@pytest.mark.slow
def test_an_api_that_was_surely_not_reached_opens_the_next_attempt_at_once(world: World) -> None:
    with answering(SUCCESS) as api:
        settings = config(world, api)
    error = ends(lambda: run(world.contacts, settings), SubmitUnavailable)
    assert error.retryable
    assert state(settings, error.result) == "unsent"
    with answering(SUCCESS, port=api.port) as up:
        assert run(world.contacts, settings).state == "submitted"
        assert len(up.arrived) == 1


# In doubt


@contextmanager
def unknown(world: World, **sections: Any) -> Iterator[tuple[dict[str, Any], Result, Wire]]:
    """A run whose job is unknown, 180 seconds after its claim; the API answers from then on."""
    with answering(b"", reset) as api:
        settings = config(world, api, **sections)
        error = ends(lambda: run(world.contacts, settings), SubmitUnknown)
        assert len(api.arrived) == 1
        assert error.result
    with ahead(world, 181) as proxy, answering(SUCCESS, port=api.port) as up:
        yield through(settings, proxy), error.result, up


def test_an_unknown_is_told_and_never_sent_again_by_itself(world: World) -> None:
    with unknown(world) as (settings, first, api), nothing_sent(api):
        assert state(settings, first) == "unknown"
        for again in (False, True):
            error = ends(lambda: run(world.contacts, settings, again=again), SubmitUnknown)  # noqa: B023
            assert f"resolve {first.run_id} --resubmit" in error.hint
            assert first.run_id in error.message
            assert not error.retryable
            assert error.result
            assert error.result.duplicate_of == first.run_id
            assert error.result.hosted is None


@pytest.mark.slow
def test_a_claim_that_is_busy_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other run died between claim and answer: for 180 seconds nobody can know."""
    with answering(b"", reset) as api:
        settings = config(world, api)
        first = ends(lambda: run(world.contacts, settings), SubmitUnknown).result
    assert state(settings, first) == "busy"
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        Ahead.seconds += seconds

    monkeypatch.setattr("time.sleep", sleep)
    with ahead(world, 0) as proxy, answering(SUCCESS, port=api.port) as up, nothing_sent(up):
        ends(lambda: run(world.contacts, through(settings, proxy)), SubmitUnknown)
    assert 170 < sum(slept) < 260
    assert slept[0] == 2
    assert max(slept) <= 30


@pytest.mark.slow
def test_an_unknown_that_is_found_in_the_panel_is_followed(world: World) -> None:
    with unknown(world) as (settings, first, api), nothing_sent(api):
        resolve.mark(first.run_id, "found-in-the-panel", settings)
        assert state(settings, first) == "submitted"
        second = run(world.contacts, settings)
        assert (second.state, second.requestid) == ("duplicate_of", "found-in-the-panel")
        error = ends(lambda: resolve.mark(first.run_id, "x", settings), ConfigError)  # type: ignore[arg-type,return-value]
        assert "is submitted: there is nothing to resolve" in error.message


@pytest.mark.slow
def test_an_unknown_that_is_not_in_the_panel_is_sent_again_from_the_hosted_file(world: World) -> None:
    with unknown(world) as (settings, first, api):
        assert first.hosted
        hosted = world.keys
        second = resolve.resubmit(first.run_id, settings)
        assert (second.state, second.requestid, second.accepted) == ("submitted", REQUESTID, first.accepted)
        assert world.keys == hosted
        assert len(api.arrived) == 1
        assert [state(settings, each) for each in (first, second)] == ["given_up", "submitted"]
        third = run(world.contacts, settings)
        assert (third.state, third.duplicate_of) == ("duplicate_of", second.run_id)
        ends(lambda: resolve.resubmit(first.run_id, settings), ConfigError)
        assert len(api.arrived) == 1


@pytest.mark.slow
def test_without_its_file_an_unknown_is_given_up_and_the_source_may_be_run(world: World) -> None:
    with unknown(world) as (settings, first, api):
        assert first.hosted
        world.s3.delete_object(Bucket=first.hosted.bucket, Key=first.hosted.key)
        error = ends(lambda: resolve.resubmit(first.run_id, settings), StageError)
        assert "Run the source again" in error.hint
        assert run(world.contacts, settings).state == "submitted"
        assert len(api.arrived) == 1


@pytest.mark.slow
def test_a_resubmission_by_another_config_is_refused(world: World) -> None:
    with unknown(world) as (settings, first, api), nothing_sent(api):
        other = settings | {"submit": settings["submit"] | {"listid": 99}}
        assert (
            "another API, list or account"
            in ends(lambda: resolve.resubmit(first.run_id, other), ConfigError).message
        )
        assert state(settings, first) == "unknown"


@pytest.mark.parametrize("run_id", ["20261125T120000Z-00000000", "x", "../../etc"])
def test_a_run_that_is_not_there_cannot_be_resolved(world: World, api: Wire, run_id: str) -> None:
    ends(lambda: resolve.resubmit(run_id, config(world, api)), ConfigError)


@pytest.mark.slow
def test_a_late_success_after_a_person_gave_up_is_told_loudly(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The request is answered while somebody resubmits the run that made it."""
    settings: dict[str, Any] = {}

    def give_up(_server: Wire, connection: Any) -> None:
        (claimed,) = [key for key in world.all_keys if key.endswith("claim.json") and key not in before]
        key = claimed.replace("claim.json", "answer.json")
        facts = json.loads(world.s3.get_object(Bucket="contacts", Key=claimed)["Body"].read())
        world.s3.put_object(Bucket="contacts", Key=key, Body=json.dumps(facts | {"answer": "given_up"}))
        connection.sendall(SUCCESS)

    before = world.all_keys
    with answering(b"", give_up) as api:
        settings = config(world, api)
        result = run(world.contacts, settings)
    assert result.requestid == REQUESTID
    (record,) = [each for each in caplog.records if "Two jobs may exist" in each.getMessage()]
    assert (record.levelname, REQUESTID in record.getMessage()) == ("ERROR", True)
    assert vars(record)["run_id"] == result.run_id


# What is written, and what is not


def test_validate_and_a_dry_run_write_nothing_anywhere(world: World, api: Wire, tmp_path: Path) -> None:
    before = world.all_keys
    settings = config(world, api)
    run(world.contacts, settings, dry_run=True)
    run(world.contacts, settings, until="validate")
    pipeline.validate(world.contacts, settings, output=tmp_path)
    assert world.all_keys == before
    assert world.unfinished == 0


@pytest.mark.slow
@pytest.mark.parametrize("reply", [SUCCESS, REFUSED, b""])
def test_no_event_holds_a_url_a_contact_or_a_secret(world: World, reply: bytes) -> None:
    before = world.all_keys
    with answering(reply) as api:
        settings = config(world, api, submit={"label": "nightly", "run_key": "2026-11-25"})
        with suppress(PipelineError):
            run(world.contacts, settings)
    events = [key for key in world.all_keys if key not in before and "hosted/" not in key]
    assert len(events) >= 3
    for key in events:
        text = world.s3.get_object(Bucket=world.sandbox.bucket, Key=key)["Body"].read().decode()
        facts = json.loads(text)
        assert facts["v"] == 1
        assert not re.search(r"https?:|@|Signature|\bKöln\b|9198765|hosted/", text)
        for secret in (world.sandbox.api_key, world.sandbox.secret_key, world.sandbox.access_key):
            assert secret not in text


def test_events_of_a_run_are_these(world: World, api: Wire) -> None:
    result = run(world.contacts, config(world, api))
    names = [key.rpartition("/")[2] for key in world.all_keys if result.run_id in key]
    hosted = [name for name in names if name.endswith(".csv")]
    assert (sorted(set(names) - set(hosted)), len(hosted)) == (["staged.json", "started.json"], 1)


@pytest.mark.slow
def test_a_run_until_stage_ends_staged_and_a_later_one_sends(world: World, api: Wire) -> None:
    settings = config(world, api)
    first = run(world.contacts, settings, until="stage")
    assert state(settings, first) == "staged"
    assert run(world.contacts, settings).state == "submitted"
    assert len(api.arrived) == 1


def test_a_run_that_rejects_too_much_ends_rejected(world: World, api: Wire) -> None:
    settings = config(world, api, contract={"max_rejected": 0})
    error = ends(lambda: run(world.contacts, settings), pipeline.RejectedRows)
    found = pipeline.status(error.result.run_id, settings)  # type: ignore[union-attr]
    assert (found.state, found.rejected) == ("rejected", 4)


# Stores that fail, or do not keep the condition


def proxied(world: World, fault: Any) -> AbstractContextManager[Wire]:
    return wire(Faults(store_port(world), fault))


def named(request: Arrived, name: str) -> bool:
    return request.method == "PUT" and name in request.target


@pytest.mark.slow
@pytest.mark.parametrize("name", ["condition.json", "started.json", "staged.json", "claim.json"])
def test_a_ledger_that_cannot_be_written_before_the_post_stops_the_run(
    world: World, api: Wire, name: str
) -> None:
    denied = answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    settings, before = config(world, api), world.keys
    with proxied(world, lambda r, *_: denied if named(r, name) else None) as proxy, nothing_sent(api):
        error = ends(lambda: run(world.contacts, through(settings, proxy)), StageError)
    assert "AccessDenied" in error.message
    assert world.keys == before
    assert run(world.contacts, settings).state == "submitted"


@pytest.mark.slow
def test_a_ledger_that_cannot_be_written_after_the_post_lets_the_run_go_on(
    world: World, api: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    denied = answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    settings = config(world, api)
    with proxied(world, lambda r, *_: denied if named(r, "answer.json") else None) as proxy:
        result = run(world.contacts, through(settings, proxy))
    assert (result.state, result.requestid) == ("submitted", REQUESTID)
    (record,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert REQUESTID in record.getMessage()
    assert vars(record)["run_id"] == result.run_id
    with ahead(world, 181) as proxy, nothing_sent(api):
        ends(lambda: run(world.contacts, through(settings, proxy)), SubmitUnknown)


@pytest.mark.slow
def test_a_claim_whose_answer_was_lost_and_that_was_written_is_answered_unsent(
    world: World, api: Wire
) -> None:
    """The store took the claim and then failed: the run stops, and nobody has to wait for 180 seconds."""

    def fault(request: Arrived, _kind: str, _before: int) -> bytes | str | None:
        return "hide" if named(request, "claim.json") else None

    settings = config(world, api)
    with proxied(world, fault) as proxy, nothing_sent(api):
        error = ends(lambda: run(world.contacts, through(settings, proxy)), StageError)
    assert state(settings, error.result) in ("unsent", "failed")
    assert run(world.contacts, settings).state == "submitted"


@pytest.mark.slow
def test_a_store_that_ignores_the_condition_is_refused_before_anything_is_uploaded(
    world: World, api: Wire
) -> None:
    taken = answer(200, headers='ETag: "1"\r\n')
    settings, before = config(world, api), world.all_keys
    with proxied(world, lambda r, *_: taken if named(r, "condition.json") else None) as proxy:
        error = ends(lambda: run(world.contacts, through(settings, proxy)), LedgerError)
        assert world.all_keys == before
        assert "single_writer" in error.hint
        single = through(settings, proxy) | {"ledger": "single_writer"}
        assert run(world.contacts, single).state == "submitted"
        assert run(world.contacts, single).state == "duplicate_of"


@pytest.mark.slow
def test_without_a_ledger_nothing_is_written_and_nothing_promised(world: World, api: Wire) -> None:
    settings, before = config(world, api) | {"ledger": "off"}, world.all_keys
    assert [run(world.contacts, settings).state for _ in range(2)] == ["submitted"] * 2
    assert len(api.arrived) == 2
    assert [key for key in world.all_keys if key not in before and "hosted/" not in key] == []
    ends(lambda: pipeline.status(None, settings), ConfigError)  # type: ignore[arg-type,return-value]


@pytest.mark.slow
def test_a_newer_tools_claim_stops_the_run(world: World, api: Wire) -> None:
    settings = config(world, api)
    run(world.contacts, settings)
    claims = [key for key in world.all_keys if key.endswith("answer.json")]
    last = max(claims, key=lambda key: world.s3.head_object(Bucket="contacts", Key=key)["LastModified"])
    world.s3.put_object(Bucket="contacts", Key=last, Body=b'{"v": 2, "answer": "refused"}')
    with nothing_sent(api):
        error = ends(lambda: run(world.contacts, settings), LedgerError)
    assert "Update this tool" in error.hint
    world.s3.delete_object(Bucket="contacts", Key=last)


@pytest.mark.slow
def test_the_ledger_costs_ten_requests_at_most(world: World, api: Wire) -> None:
    counts = []
    for ledger in ("off", "on"):
        settings = config(world, api, stage={"prefix": f"cost-{ledger}/"}) | {"ledger": ledger}
        faults = Faults(store_port(world), lambda *_: None)
        with wire(faults) as proxy:
            run(world.contacts, through(settings, proxy))
            counts.append(len(faults.arrived))
    assert counts[1] - counts[0] <= 10


# The end of a job


def waiting(world: World, secret: str = "s" * 32, wait: int = 20, **sections: Any) -> dict[str, Any]:
    settings = world.waiting(wait, **sections)
    settings["track"]["secret"] = pytest.importorskip("pydantic").SecretStr(secret)
    return settings


@pytest.mark.slow
def test_a_callback_is_recorded_with_its_body_and_ends_the_run(world: World) -> None:
    settings = waiting(world)
    result = run(world.contacts, settings)
    assert result.state == "completed"
    found = pipeline.status(result.run_id, settings)
    assert (found.state, found.said, found.counts["success"]) == ("completed", "Completed", 2)
    assert (found.requestid, found.callbacks) == (result.requestid, 1)
    from pipeline.ledger import asking

    (body,) = asking.raw_callbacks(result.run_id, settings)
    assert json.loads(body)["status"] == "Completed"
    again = run(world.contacts, settings)
    assert (again.state, again.duplicate_of) == ("duplicate_of", result.run_id)
    assert again.outcome
    assert (again.outcome.status, again.outcome.counts["success"]) == ("completed", 2)


@pytest.mark.slow
def test_a_job_that_failed_is_never_sent_again_by_itself(world: World) -> None:
    with answering(SUCCESS) as api:
        settings = waiting(world, submit={"base_url": api.url})
        settings["track"]["wait"] = 1
        error = ends(lambda: run(world.contacts, settings), JobTimeout)
        assert error.retryable
        assert error.result
        hear(settings, error.result.run_id, b'{"status": "Failed"}')
        assert state(settings, error.result) == "failed"
        for seconds in (0, 1000 * HOUR):
            with ahead(world, seconds) as proxy:
                failed = ends(lambda: run(world.contacts, through(settings, proxy)), JobFailed)
                assert "--again" in failed.hint
        assert len(api.arrived) == 1


def hear(settings: dict[str, Any], run_id: str, body: bytes) -> None:
    """What a receiver on another machine does."""
    from pipeline.ledger import callbacks
    from pipeline.ledger.asking import opened

    callbacks.hear(opened(settings)[1], run_id, "POST", body)


@pytest.mark.slow
def test_after_a_time_out_the_next_run_waits_on(world: World) -> None:
    with answering(SUCCESS) as api:
        settings = waiting(world, submit={"base_url": api.url})
        settings["track"]["wait"] = 1
        first = ends(lambda: run(world.contacts, settings), JobTimeout)
        assert first.result
        assert f"`python -m pipeline wait {first.result.run_id}` waits on" in first.hint
        second = ends(lambda: run(world.contacts, settings), JobTimeout)
        assert second.retryable
        hear(settings, first.result.run_id, b'{"status": "Completed", "success": 2}')
        third = run(world.contacts, settings)
        assert third.outcome
        assert (third.state, third.outcome.counts) == ("duplicate_of", {"success": 2})
        assert len(api.arrived) == 1


@pytest.mark.slow
def test_a_lost_answer_is_made_good_by_a_callback(world: World) -> None:
    """The API took the job and broke off; its callback proves it."""
    import threading

    import requests

    def late(server: Wire, connection: Any) -> None:
        from urllib.parse import parse_qs

        url = parse_qs(server.arrived[-1].body.decode())["callback"][0]
        body = json.dumps({"requestid": REQUESTID, "status": "Completed", "success": 2})
        threading.Timer(0.3, lambda: requests.post(url, data=body, timeout=5)).start()
        reset(server, connection)

    with answering(b"", late) as api:
        settings = waiting(world, submit={"base_url": api.url})
        result = run(world.contacts, settings)
        assert (result.state, result.requestid) == ("completed", REQUESTID)
        assert state(settings, result) == "completed"
        assert run(world.contacts, settings).state == "duplicate_of"
        assert len(api.arrived) == 1


@pytest.mark.slow
def test_the_first_rows_make_a_small_job(world: World, api: Wire) -> None:
    settings = config(world, api)
    result = run(world.contacts, settings, first=1)
    assert (result.state, result.accepted) == ("submitted", 1)
    assert any("Only the first 1 good records" in each for each in result.warnings)
    assert world.hosted(result).decode() == (
        'EMAIL,MOBILE,CITY,AGE\nanna@example.com,919876543210,"Köln, am Rhein",41\n'
    )
    assert run(world.contacts, settings, first=2).accepted == 2
    assert run(world.contacts, settings, first=99).state == "duplicate_of"  # all of it, as just now
