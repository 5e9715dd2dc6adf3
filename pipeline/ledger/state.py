"""What state a run is in: a pure fold of its events, whatever their order and however often they come.

    events (any order, any repeats)  ->  sorted as they follow each other  ->  one walk through the diagram

STEPS is the state diagram; docs/ledger.md draws it from here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.ledger.events import Event, Facts, newer

OVERDUE = "180 s"
BUSY_SECONDS = 180  # a claim without an answer is busy for so long by the store's clock, then unknown

ANSWERS = ("submitted", "refused", "unsent", "marked", "given_up")
ENDS = ("completed", "failed", "rejected", "refused", "unsent", "staged", "empty", "duplicate_of")
_ORDER = ("started", "staged", "claim", "answer", "callback", "ended", "cleaned")

STEPS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("started", ("absent",), "started"),
    ("staged", ("started",), "hosted"),
    ("claim", ("hosted",), "busy"),
    (OVERDUE, ("busy",), "unknown"),
    ("answer submitted", ("busy", "unknown"), "submitted"),
    ("answer refused", ("busy", "unknown"), "refused"),
    ("answer unsent", ("busy", "unknown"), "unsent"),
    ("answer marked", ("unknown",), "submitted"),
    ("answer given_up", ("unknown",), "given_up"),
    ("callback", ("busy", "unknown", "submitted"), "submitted"),
    ("ended completed", ("submitted",), "completed"),
    ("ended failed", ("started", "hosted", "submitted"), "failed"),
    ("ended rejected", ("started",), "rejected"),
    ("ended refused", ("refused",), "refused"),
    ("ended unsent", ("unsent",), "unsent"),
    ("ended staged", ("hosted",), "staged"),
    ("ended empty", ("started",), "empty"),
    ("ended duplicate_of", ("started", "hosted"), "duplicate_of"),
)
"""The state diagram: an event, the states that it usually comes in, the state that it leads to."""


def _leading_to(states: tuple[str, ...]) -> set[str]:
    """These states and all from which one of them can still be reached."""
    found = set(states)
    for _ in STEPS:
        found |= {before for _, befores, then in STEPS if then in found for before in befores}
    return found


# An event that was written while an earlier one was not, or is not seen yet, counts as if that were there.
# In any other state it changes nothing and is a warning.
TRANSITIONS: Mapping[tuple[str, str], str] = {
    (state, event): then for event, befores, then in STEPS for state in _leading_to(befores)
}
STATES = tuple(dict.fromkeys(("absent", *TRANSITIONS.values())))
"""Every state that a run can be in; `absent` is a run of which nothing is recorded."""


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run stands: its `state`, the facts of each kind of event, and what does not fit together.

    `at` is when its last event was written, by the store's clock; `callbacks` are the facts of all callbacks,
    `cleaned` says that its hosted object is gone.
    """

    state: str
    facts: Mapping[str, Facts] = field(default_factory=dict)
    callbacks: tuple[Facts, ...] = ()
    warnings: tuple[str, ...] = ()
    at: datetime | None = None

    @property
    def cleaned(self) -> bool:
        """Whether the hosted object was removed."""
        return "cleaned" in self.facts


def fold(events: Iterable[Event], now: datetime) -> RunState:
    """The state that these events of one run come to at `now`, by the store's clock.

    A pure function: order and repeats make no difference. Raises LedgerError for an event, or a value of
    one, that this version does not know.
    """
    facts: dict[str, Facts] = {}
    callbacks: list[Facts] = []
    warnings: list[str] = []
    state, ordered = "absent", sorted(events, key=_order)
    for event in ordered:
        label = _label(event)
        if facts.get(event.kind) == event.facts or event.facts in callbacks:
            continue  # the same again
        if event.kind == "callback" and event.facts.get("method", "POST") != "POST":
            pass  # a probe of the address: it says nothing of the job
        elif (state, label) in TRANSITIONS:
            state = TRANSITIONS[state, label]
        elif label != "cleaned":
            warnings.append(f"the event `{label}` came to a run that was {state}")
        if event.kind == "claim" and (now - event.at).total_seconds() >= BUSY_SECONDS:
            state = TRANSITIONS.get((state, OVERDUE), state)
        if event.kind == "callback":
            callbacks.append(event.facts)
        facts.setdefault(event.kind, event.facts)
    warnings += _contradictions(facts.get("ended", {}), callbacks)
    latest = max((event.at for event in ordered), default=None)
    return RunState(state, facts, tuple(callbacks), tuple(dict.fromkeys(warnings)), latest)


def _order(event: Event) -> tuple[int, str]:
    if event.kind not in _ORDER:
        raise newer()
    return _ORDER.index(event.kind), json.dumps(event.facts, sort_keys=True)


def _label(event: Event) -> str:
    """The event as the table calls it."""
    if event.kind not in ("answer", "ended"):
        return event.kind
    value = event.facts.get(event.kind)
    if value not in (ANSWERS if event.kind == "answer" else ENDS):
        raise newer()
    return f"{event.kind} {value}"


def _contradictions(ended: Facts, callbacks: list[Facts]) -> list[str]:
    """Callbacks that say another end than the one recorded first."""
    says = {str(each["status"]) for each in callbacks if each.get("status")}
    end = ended.get("ended")
    if end not in ("completed", "failed"):
        return []
    return [f"a callback says {other}, the run ended {end}" for other in sorted(says - {end})]
