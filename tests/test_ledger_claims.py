"""Claims and events in a store: who wins, what a loser sees, when an attempt opens, what a store keeps."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from fakes import Arrived, Faults, answer, wire
from ledgers import Ahead, a_ledger, faulty, store_port
from world import World

from pipeline import PipelineError, StageError
from pipeline.errors import LedgerError
from pipeline.ledger import claim
from pipeline.ledger.claim import Standing, Wanted, as_text
from pipeline.ledger.events import Ledger
from pipeline.result import Fingerprint

CONTENT = Fingerprint(1200, 7, 0xDEADBEEF, 0x01020304)
HOUR = 3600


def wanted(content: Fingerprint = CONTENT, **how: Any) -> Wanted:
    key = how.pop("run_key", "")
    id_ = claim.identify("https://api.example.com", 7, "us", content, run_key=key)
    return Wanted(id_, as_text(content), keyed=bool(key), **how)


def taken(ledger: Ledger, job: Wanted, run_id: str = "run-1", **how: Any) -> claim.Claim:
    attempt = claim.decide(claim.look(ledger, job), job)
    assert attempt is not None
    mine = claim.new(job, run_id, attempt, **how)
    assert claim.take(ledger, mine)
    return mine


def takes(ledger: Ledger, job: Wanted, run_id: str, attempt: int = 1) -> bool:
    return claim.take(ledger, claim.new(job, run_id, attempt))


def seen(ledger: Ledger, job: Wanted) -> Standing:
    standing = claim.look(ledger, job)
    assert standing
    return standing


# What a claim is called


def test_a_claims_id_says_where_the_job_goes_and_what_is_in_it() -> None:
    base = ("https://api.example.com", 7, "us")
    same = claim.identify(*base, CONTENT)
    assert same == claim.identify(*base, CONTENT, label="nightly")
    assert len(same) == 64
    others = [
        claim.identify("https://apiin.example.com", 7, "us", CONTENT),
        claim.identify("https://api.example.com", None, "us", CONTENT),
        claim.identify("https://api.example.com", 7, "them", CONTENT),
        *(
            claim.identify(*base, replace(CONTENT, **{name: 1}))
            for name in ("bytes", "records", "crc32", "adler32")
        ),
        claim.identify(*base, CONTENT, run_key="2026-11-25"),
        claim.identify(*base, CONTENT, run_key="2026-11-26"),
        claim.identify(*base, CONTENT, label="nightly", run_key="2026-11-25"),
    ]
    assert len({same, *others}) == 1 + len(others)
    keyed = claim.identify(*base, CONTENT, run_key="2026-11-25")
    assert keyed == claim.identify(*base, replace(CONTENT, records=8), run_key="2026-11-25")


def test_an_account_without_a_name_is_known_by_its_key_and_shows_none_of_it() -> None:
    assert claim.account("ours", "secret-key") == "ours"
    unnamed = claim.account(None, "secret-key")
    assert unnamed == claim.account(None, "secret-key") != claim.account(None, "other-key")
    assert "secret-key" not in unnamed


# Winners and losers


@pytest.mark.slow
def test_of_sixteen_claimants_one_wins_and_the_others_see_whose_it_is(world: World) -> None:
    for round_ in range(5):
        job = wanted(replace(CONTENT, records=round_))

        def race(n: int, job: Wanted = job) -> bool:
            return takes(a_ledger(world, "race/"), job, f"run-{n}")

        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(race, range(16)))
        assert won.count(True) == 1
        standing = seen(a_ledger(world, "race/"), job)
        assert (standing.run_id, standing.state) == (f"run-{won.index(True)}", "busy")


def test_an_answer_is_given_once_by_whoever_is_first(ledger: Ledger) -> None:
    won = taken(ledger, wanted())
    assert claim.answer(ledger, won, "submitted", "abc123") is None
    assert claim.answer(ledger, won, "submitted", "abc123") is None  # a retry of the same
    stays = claim.answer(ledger, won, "unsent")
    assert stays
    assert (stays["answer"], stays["requestid"]) == ("submitted", "abc123")
    assert seen(ledger, wanted()).requestid == "abc123"


def test_a_person_who_gives_up_first_makes_a_late_success_known(ledger: Ledger) -> None:
    won = taken(ledger, wanted())
    assert claim.settle(ledger, wanted().id, seen(ledger, wanted()), "given_up") is None
    stays = claim.answer(ledger, won, "submitted", "abc123")
    assert stays
    assert stays["answer"] == "given_up"


def test_the_claimant_has_twenty_seconds_by_a_clock_that_goes_on_in_sleep(ledger: Ledger) -> None:
    time = [1000.0]
    won = taken(ledger, wanted(), now=lambda: time[0])
    for passed, in_time in ((0, True), (19.9, True), (20, False), (300, False)):
        time[0] = 1000 + passed
        assert won.in_time is in_time
    assert claim.clock() <= claim.clock()


def test_the_twenty_seconds_begin_before_the_claim_is_written(ledger: Ledger) -> None:
    ticks = iter([0.0, 25.0])
    assert not taken(ledger, wanted(), now=lambda: next(ticks)).in_time


# When an attempt opens


def test_nothing_claimed_opens_the_first_attempt(ledger: Ledger) -> None:
    assert claim.look(ledger, wanted()) is None
    assert claim.decide(None, wanted()) == 1


@pytest.mark.parametrize("answered", ["refused", "unsent", "given_up"])
@pytest.mark.parametrize("key", ["", "2026-11-25"])
def test_what_was_surely_not_sent_opens_the_next_attempt_at_once(
    ledger: Ledger, answered: str, key: str
) -> None:
    claim.answer(ledger, taken(ledger, wanted(run_key=key)), answered)
    grown = wanted(replace(CONTENT, records=8), run_key=key) if key else wanted()
    second = taken(ledger, grown, "run-2")
    assert second.attempt == 2
    standing = seen(ledger, grown)
    assert (standing.attempt, standing.run_id, standing.claimed) == (2, "run-2", grown.content)


STANDING = Standing(3, "run-1", "submitted", as_text(CONTENT), "abc123", 0)


@pytest.mark.parametrize(
    ("state", "age", "how", "attempt"),
    [
        ("submitted", 0, {}, None),
        ("submitted", 12 * HOUR - 1, {}, None),
        ("submitted", 12 * HOUR, {}, 4),
        ("completed", 12 * HOUR, {}, 4),
        ("submitted", 11, {"again_after": 10}, 4),
        ("submitted", 0, {"again": True}, 4),
        ("submitted", 1000 * HOUR, {"keyed": True}, None),
        ("submitted", 0, {"keyed": True, "again": True}, 4),
        ("failed", 1000 * HOUR, {}, None),
        ("failed", 0, {"again": True}, 4),
        ("busy", 0, {"again": True}, None),
        ("unknown", 1000 * HOUR, {}, None),
        ("unknown", 1000 * HOUR, {"again": True}, None),
        ("unknown", 1000 * HOUR, {"keyed": True, "again": True}, None),
    ],
)
def test_when_the_same_content_is_a_new_job(
    state: str, age: float, how: dict[str, Any], attempt: int | None
) -> None:
    assert claim.decide(replace(STANDING, state=state, age=age), replace(wanted(), **how)) == attempt


def test_a_run_key_stands_for_any_content_once_submitted(ledger: Ledger) -> None:
    job = wanted(run_key="2026-11-25")
    claim.answer(ledger, taken(ledger, job), "submitted", "abc123")
    grown = wanted(replace(CONTENT, records=8), run_key="2026-11-25")
    standing = seen(ledger, grown)
    assert claim.decide(standing, grown) is None
    assert (standing.claimed, standing.requestid) == (as_text(CONTENT), "abc123")
    assert standing.claimed != grown.content


def test_the_age_of_a_claim_is_told_by_the_stores_clock(ledger: Ledger, world: World) -> None:
    taken(ledger, wanted())
    with wire(Ahead(store_port(world), lambda *_: None)) as proxy:
        later = a_ledger(world, ledger.store.config.prefix, proxy.port)
        for seconds, state in ((0, "busy"), (170, "busy"), (181, "unknown")):
            Ahead.seconds = seconds
            standing = seen(later, wanted())
            assert standing.state == state
            assert seconds - 1 <= standing.age <= seconds + 5
        ledger.record("run-1", f"callback-{'a' * 64}", {"status": None, "hash": "a" * 64})
        assert seen(later, wanted()).state == "submitted"
        ledger.record("run-1", "ended", {"ended": "failed"})
        assert seen(later, wanted()).state == "failed"


def test_a_job_that_failed_is_seen_as_failed(ledger: Ledger) -> None:
    claim.answer(ledger, taken(ledger, wanted()), "submitted", "abc123")
    ledger.record("run-1", "ended", {"ended": "failed"})
    assert seen(ledger, wanted()).state == "failed"


# What is written, and what a store must keep


def test_events_are_written_once_and_never_changed(ledger: Ledger) -> None:
    assert ledger.record("run-1", "started", {"tool": "1"}) is None
    assert ledger.record("run-1", "started", {"tool": "1"}) is None
    assert ledger.record("run-1", "started", {"tool": "2"}) == {"v": 1, "tool": "1"}
    (event,) = ledger.run_events("run-1")
    assert (event.kind, event.facts) == ("started", {"v": 1, "tool": "1"})


def put(ledger: Ledger, key: str, body: bytes) -> None:
    ledger.store.client.put_object(Bucket=ledger.store.bucket, Key=ledger.key(key), Body=body)


@pytest.mark.parametrize("name", ["claim.json", "answer.json"])
def test_a_newer_claim_stops_the_run(ledger: Ledger, name: str) -> None:
    taken(ledger, wanted())
    body = json.dumps({"v": 2, "answer": "refused"}).encode()
    put(ledger, f"claims/{wanted().id}/0001/{name}", body)
    with pytest.raises(LedgerError, match="newer version"):
        claim.look(ledger, wanted())


@pytest.mark.parametrize("name", ["0001/lease.json", "0001/claim.cbor", "lock"])
def test_an_unknown_name_among_the_claims_stops_the_run(ledger: Ledger, name: str) -> None:
    taken(ledger, wanted())
    put(ledger, f"claims/{wanted().id}/{name}", b'{"v": 1}')
    with pytest.raises(LedgerError, match="newer version"):
        claim.look(ledger, wanted())


@pytest.mark.parametrize(
    "body", [b"", b"[1]", b'{"v": true}', b'{"a": 1}', b"\xff", b'{"v": 1, "a": "' + b"x" * 70000]
)
def test_a_strange_object_among_the_events_is_told(ledger: Ledger, body: bytes) -> None:
    put(ledger, "runs/run-1/started.json", body)
    with pytest.raises(LedgerError, match="none of this tool's"):
        list(ledger.run_events("run-1"))


def test_a_store_is_proven_by_one_put_but_for_the_first_time(ledger: Ledger, world: World) -> None:
    faults = Faults(store_port(world), lambda *_: None)
    with wire(faults) as proxy:
        through = a_ledger(world, ledger.store.config.prefix, proxy.port)
        through.prove()
        assert faults.seen == ["put", "put"]
        through.prove()
        assert faults.seen == ["put"] * 3
    assert [r.headers["if-none-match"] for r in faults.arrived] == ["*"] * 3


def refused(status: int, code: str) -> bytes:
    return answer(status, f"<Error><Code>{code}</Code></Error>".encode(), "Content-Type: application/xml\r\n")


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (answer(200, headers='ETag: "1"\r\n'), "ignores"),
        (refused(501, "NotImplemented"), "does not know"),
        (refused(400, "InvalidArgument"), "does not know"),
    ],
)
def test_a_store_that_does_not_keep_the_condition_is_refused(world: World, reply: bytes, says: str) -> None:
    with faulty(world, lambda *_: reply) as proxy, pytest.raises(LedgerError, match=says) as raised:
        a_ledger(world, "unkept/", proxy.port).prove()
    assert "single_writer" in raised.value.hint


def test_a_single_writer_needs_no_condition(world: World) -> None:
    def strict(request: Arrived, kind: str, before: int) -> bytes | None:
        return refused(501, "NotImplemented") if "if-none-match" in request.headers else None

    with faulty(world, strict) as proxy:
        ledger = a_ledger(world, "single/", proxy.port, conditional=False)
        won = taken(ledger, wanted())
        assert not takes(ledger, wanted(), "run-2", 1)
        assert claim.answer(ledger, won, "submitted", "abc123") is None
        assert seen(ledger, wanted()).state == "submitted"


def test_a_lost_answer_is_followed_by_a_retry_that_meets_itself(world: World) -> None:
    with faulty(world, lambda _, kind, before: "lose" if kind == "put" and not before else None) as proxy:
        ledger = a_ledger(world, "silent/", proxy.port)
        assert takes(ledger, wanted(), "run-1", 1)
    assert not takes(a_ledger(world, "silent/"), wanted(), "run-2", 1)


def test_a_conflict_is_asked_again_until_it_is_decided(world: World) -> None:
    def conflicts(times: int) -> Any:
        busy = refused(409, "ConditionalRequestConflict")
        return lambda _, kind, before: busy if kind == "put" and before < times else None

    with faulty(world, conflicts(3)) as proxy:
        assert takes(a_ledger(world, "conflict/", proxy.port), wanted(), "run-1", 1)
    with faulty(world, conflicts(3)) as proxy:
        assert not takes(a_ledger(world, "conflict/", proxy.port), wanted(), "run-2", 1)
    with faulty(world, conflicts(99)) as proxy, pytest.raises(StageError, match="under way"):
        takes(a_ledger(world, "conflict/", proxy.port), wanted(), "run-3", 2)


@pytest.mark.parametrize("call", ["prove", "take", "look", "record"])
def test_a_store_that_fails_is_an_error_with_a_hint(world: World, call: str) -> None:
    with faulty(world, lambda *_: refused(403, "AccessDenied")) as proxy:
        ledger = a_ledger(world, "denied/", proxy.port)
        calls: dict[str, Any] = {
            "prove": ledger.prove,
            "take": lambda: takes(ledger, wanted(), "run-1", 1),
            "look": lambda: claim.look(ledger, wanted()),
            "record": lambda: ledger.record("run-1", "started", {}),
        }
        with pytest.raises(PipelineError, match="AccessDenied") as raised:
            calls[call]()
    assert "policy --permissions" in raised.value.hint


def test_a_store_that_tells_no_time_is_an_error(world: World) -> None:
    empty = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
    with faulty(world, lambda *_: answer(200, empty)) as proxy, pytest.raises(StageError, match="no Date"):
        claim.look(a_ledger(world, "timeless/", proxy.port), wanted())


def test_a_long_listing_is_read_to_its_end(ledger: Ledger) -> None:
    for n in range(3):
        put(ledger, f"runs/r/{n}", b"1")
    pages = ledger.store.client.list_objects_v2

    def small(**how: Any) -> Any:
        return pages(**how, MaxKeys=2)

    ledger.store.client.list_objects_v2 = small  # type: ignore[method-assign]
    found = ledger.list("runs", "r", "")
    assert len(found.modified) == 3
    assert all(isinstance(at, datetime) for at in found.modified.values())
    assert list(ledger.list_from(ledger.key("runs/r/1"), "runs", "r", "").modified) == [
        ledger.key("runs/r/2")
    ]
