"""The fold: which events come to which state, whatever their order, their repeats and what is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import LedgerError
from pipeline.ledger.events import Event
from pipeline.ledger.state import ANSWERS, BUSY_SECONDS, ENDS, OVERDUE, STATES, TRANSITIONS, fold

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DONE: dict[str, Any] = {"status": "completed", "hash": "a" * 64}
FAILED: dict[str, Any] = {"status": "failed", "hash": "b" * 64}
HEARD: dict[str, Any] = {"status": None, "hash": "c" * 64}


def event(name: str, seconds: float = 0, **facts: Any) -> Event:
    """`answer submitted` and the like, that many seconds old."""
    kind, _, value = name.partition(" ")
    return Event(kind, ({kind: value} if value else {}) | facts, NOW - timedelta(seconds=seconds))


def state(*names: str, seconds: float = 0) -> str:
    return fold([event(name, seconds) for name in names], NOW).state


HISTORIES = {
    "submitted, then completed": ["started", "staged", "claim", "answer submitted", "ended completed"],
    "submitted, then failed": ["started", "staged", "claim", "answer submitted", "ended failed"],
    "refused": ["started", "staged", "claim", "answer refused", "ended refused"],
    "unsent": ["started", "staged", "claim", "answer unsent", "ended unsent", "cleaned"],
    "too many rejects": ["started", "ended rejected"],
    "stopped after staging": ["started", "staged", "ended staged"],
    "no records": ["started", "ended empty"],
    "a loser before Complete": ["started", "ended duplicate_of"],
    "a loser after the pre-flight": ["started", "staged", "ended duplicate_of", "cleaned"],
    "found by a person": ["started", "staged", "claim", "answer marked", "cleaned"],
    "sent again by a person": ["started", "staged", "claim", "answer given_up"],
}
CRASHED = {
    "submitted, then completed": ["absent", "started", "hosted", "busy", "submitted", "completed"],
    "submitted, then failed": ["absent", "started", "hosted", "busy", "submitted", "failed"],
    "refused": ["absent", "started", "hosted", "busy", "refused", "refused"],
    "unsent": ["absent", "started", "hosted", "busy", "unsent", "unsent", "unsent"],
    "too many rejects": ["absent", "started", "rejected"],
    "stopped after staging": ["absent", "started", "hosted", "staged"],
    "no records": ["absent", "started", "empty"],
    "a loser before Complete": ["absent", "started", "duplicate_of"],
    "a loser after the pre-flight": ["absent", "started", "hosted", "duplicate_of", "duplicate_of"],
    "found by a person": ["absent", "started", "hosted", "busy", "submitted", "submitted"],
    "sent again by a person": ["absent", "started", "hosted", "busy", "given_up"],
}


@pytest.mark.parametrize("history", HISTORIES)
def test_a_run_that_dies_after_any_event_is_in_the_right_state(history: str) -> None:
    names = HISTORIES[history]
    assert [state(*names[:n]) for n in range(len(names) + 1)] == CRASHED[history]
    late = [state(*names[:n], seconds=BUSY_SECONDS) for n in range(len(names) + 1)]
    assert late == ["unknown" if each == "busy" else each for each in CRASHED[history]]
    assert fold([event(name) for name in names], NOW).warnings == ()


callbacks = st.sampled_from([DONE, FAILED, HEARD]).map(lambda facts: event("callback", **facts))
ages = st.sampled_from([0, BUSY_SECONDS - 1, BUSY_SECONDS, 86400])
names = st.sampled_from(
    [
        "started",
        "staged",
        "claim",
        "cleaned",
        *(f"answer {a}" for a in ANSWERS),
        *(f"ended {e}" for e in ENDS),
    ]
)
anything = st.lists(callbacks | st.builds(event, names, ages), max_size=12)


@given(anything, st.randoms(use_true_random=False), st.data())
def test_order_and_repeats_make_no_difference(events: list[Event], random: Any, data: st.DataObject) -> None:
    one_of_each = list({(e.kind, e.facts.get("hash")): e for e in events}.values())
    expected = fold(one_of_each, NOW)
    repeated = [*one_of_each, *data.draw(st.lists(st.sampled_from(one_of_each)))] if one_of_each else []
    random.shuffle(repeated)
    assert fold(repeated, NOW) == expected
    assert expected.state in STATES


@given(anything)
def test_any_events_at_all_come_to_a_state(events: list[Event]) -> None:
    assert fold(events, NOW).state in STATES


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "busy"), (179.9, "busy"), (180, "unknown"), (1e6, "unknown")]
)
def test_a_claim_without_an_answer_is_busy_for_180_seconds(seconds: float, expected: str) -> None:
    assert state("started", "staged", "claim", seconds=seconds) == expected


@pytest.mark.parametrize("facts", [DONE, FAILED, HEARD])
def test_a_callback_proves_that_the_job_was_taken(facts: dict[str, Any]) -> None:
    events = [event("claim", BUSY_SECONDS), event("callback", **facts)]
    assert fold(events, NOW).state == "submitted"
    assert fold([*events, event("answer submitted")], NOW).warnings == ()
    assert fold(events[1:], NOW).state == "submitted"  # before the submit's answer, before the claim is seen


def test_later_contradictions_are_warnings_and_change_nothing() -> None:
    events = [event("claim"), event("answer submitted"), event("ended completed")]
    folded = fold([*events, event("callback", **DONE), event("callback", **FAILED)], NOW)
    assert (folded.state, folded.warnings) == (
        "completed",
        ("a callback says failed, the run ended completed",),
    )
    assert len(folded.callbacks) == 2


def test_a_probe_of_the_address_proves_nothing() -> None:
    events = [event("started"), event("staged"), event("claim", BUSY_SECONDS)]
    assert fold([*events, event("callback", method="GET", **HEARD)], NOW).state == "unknown"
    assert fold([*events, event("callback", method="POST", **HEARD)], NOW).state == "submitted"


@pytest.mark.parametrize("answer", ["refused", "unsent", "given_up"])
def test_a_callback_of_a_job_that_was_not_taken_is_a_warning(answer: str) -> None:
    folded = fold([event("claim"), event(f"answer {answer}"), event("callback", **HEARD)], NOW)
    assert folded.state == answer
    assert folded.warnings == (f"the event `callback` came to a run that was {answer}",)


@pytest.mark.parametrize("name", ["moved", "answer maybe", "ended perhaps", "answer", "ended"])
def test_what_a_newer_version_wrote_is_refused(name: str) -> None:
    with pytest.raises(LedgerError, match="newer version") as raised:
        fold([event("started"), event(name)], NOW)
    assert "Update this tool" in raised.value.hint
    assert not raised.value.retryable


def test_every_state_can_be_reached_and_every_end_is_one() -> None:
    reached = {"absent"}
    for _ in STATES:
        reached |= {then for (state, _), then in TRANSITIONS.items() if state in reached}
    assert reached == set(STATES)
    assert set(ENDS) <= set(STATES)
    assert {f"ended {end}" for end in ENDS} < {label for _, label in TRANSITIONS}
    assert ("busy", OVERDUE) in TRANSITIONS
