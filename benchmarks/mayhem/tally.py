"""Compares what the callbacks of one stream got with what the exchange's ledger says, through any number of faults.

What is counted, and why:

lost         A fill that was never delivered. An order whose last state was never delivered, if it had a fill, or if any
             state of it was delivered before: the program would go on believing in it.
repeated     A fill that was delivered twice, an event whose id was delivered before, an order's state that was
             delivered more often than the exchange told it. Where the exchange gives no trade ids (JEX) fills are
             derived, one may stand for several, and the sum per order is compared: too little is lost, too much
             repeated.
backwards    An order, balance or position that was delivered after something newer of the same: by the exchange's time,
             by the filled quantity, by an end that is taken back, or because the states delivered are not in the order
             in which the exchange told them.
wrong        Something that the exchange never told: another amount, an order that is not there.
unreported   Losses that no ``Gap`` speaks of, and stretches in which the exchange told things while nobody listened and
             the program was told neither of a suspension nor of a gap.

What is no loss: steps that nobody can see any more when the stream comes back, because a newer state has taken their
place. These are an order's states between two that were delivered (and what a conditional order is called after it was
triggered, when another order trades in its place), balances and positions on their way to the one that
stands, and an order that came and went without a fill while the stream was away (exchanges keep no list of those, or
only for a while). They are counted as superseded. The last balance and position of each kind, and the open orders, are
compared with the ledger's by ``jexkit.cli.holdings``, as ``differing``.
"""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import attrs

from jexkit.cli.audit import Audit, shared_parts
from jexkit.cli.entries import Entry, Key, Record, State, told_entry
from jexkit.events import Event, Gap, Live, Suspended
from mayhem.spool import Heard

UNSEEN = 2_000  # milliseconds before a Suspended in which messages may have been lost: what was on its way
MUTE_AT_MOST = 15_000  # milliseconds of Live of a connection that fell silent while it recovered: a keepalive, a probe
FOREVER = 1 << 62
FIRED = "TRIGGERED"
ALWAYS_SAID = ("account notices", "orders without a fill")  # of both nothing is counted as lost
LISTED = 8  # faults that are described in words

Window = tuple[int, int]


@attrs.define
class Tally(Audit):
    """The outcome for one stream; ``out_of_order`` is what the table calls backwards, ``unexpected`` wrong."""

    unreported: int = 0
    gaps: list[Window] = attrs.field(factory=list)
    away: list[Window] = attrs.field(factory=list)

    def lose(self, what: object, time_ms: int) -> None:
        """Count a loss, and whether the program was told that something is missing."""
        self.fault("lost", what)
        if not _is_in(time_ms, self.gaps):
            self.fault("unreported", what)

    def fault(self, name: str, what: object) -> None:
        setattr(self, name, getattr(self, name) + 1)
        if sum(fault.startswith(f"{name}: ") for fault in self.faults) < LISTED:
            self.faults.append(f"{name}: {what}")


@attrs.define
class _Story:
    """All that was told, and all that was delivered, of one order, balance or position."""

    told: list[Entry] = attrs.field(factory=list)
    heard: list[Heard] = attrs.field(factory=list)


def tally(
    told: Iterable[Record], delivered: Iterable[Heard], life: Sequence[Event], muted: Sequence[int] = ()
) -> Tally:
    """Compare the truth log of an account with what its stream delivered, both from the same moment on.

    ``life`` are the events of the stream's own life, ``muted`` the times (milliseconds) at which a connection was made
    to fall silent without a word: from then on to the next Live the stream was away, though nobody could know at once.
    """
    outcome = Tally(gaps=_gaps(life), away=_away(life, muted))
    stories: dict[tuple[str, Key], _Story] = defaultdict(_Story)
    filled: set[Key] = set()
    unheard: list[int] = []
    for record in told:
        entry = told_entry(record)
        if not record["listeners"]:
            unheard.append(int(record["time"]))
        if entry is None:
            continue
        outcome.told[entry.kind] += 1
        stories[entry.kind, entry.key].told.append(entry)
        if entry.kind == "fill":
            filled.add((*entry.key, ""))  # the key of its order
    seen: set[str] = set()
    symbols = {(key[0], key[2]): key for kind, key in stories if kind == "order"}
    for each in delivered:
        found = _with_symbol(each, symbols)
        entry = found.entry
        outcome.delivered[entry.kind] += 1
        if found.id in seen:
            outcome.fault("repeated", f"{_label(entry.kind, entry.key)}: the id {found.id}")
            continue
        seen.add(found.id)
        stories[entry.kind, entry.key].heard.append(found)
    for (kind, key), story in stories.items():
        if kind == "fill":
            _compare_fills(key, story, outcome)
        elif kind == "order":
            _compare_order(key, story, outcome, has_fill=key in filled)
        else:
            _check_order_of_states(_label(kind, key), story, outcome)
    _check_unheard(unheard, outcome)
    return outcome


# --- fills ------------------------------------------------------------------------------------------------------------


def _with_symbol(found: Heard, orders: Mapping[tuple[str, str], Key]) -> Heard:
    """A refusal of JEX names no symbol; where nothing of the order was heard before, nobody can know it."""
    entry = found.entry
    if entry.kind != "order" or entry.key[1]:
        return found
    return attrs.evolve(found, entry=attrs.evolve(entry, key=orders.get((entry.key[0], entry.key[2]), entry.key)))


def _compare_fills(key: Key, story: _Story, outcome: Tally) -> None:
    label = _label("fill", key)
    if any(not entry.state[0] for entry in story.told):
        _compare_sums(label, story, outcome)
        return
    told = {entry.state[0]: entry for entry in story.told}
    counts = Counter(found.entry.state[0] for found in story.heard)
    for trade, times in counts.items():
        for _ in range(times - 1):
            outcome.fault("repeated", f"{label}: trade {trade}")
    for found in story.heard:
        entry = told.get(found.entry.state[0])
        if entry is None or entry.state[1:] != found.entry.state[1:]:
            outcome.fault("unexpected", f"{label}: {_spelled(found.entry.state)}")
    for trade, entry in told.items():
        if trade not in counts:
            outcome.lose(f"{label}: trade {trade}, {_spelled(entry.state[1:])}", entry.time_ms)


def _compare_sums(label: str, story: _Story, outcome: Tally) -> None:
    wanted = sum((entry.state[1] for entry in story.told), Decimal(0))
    got = sum((found.entry.state[1] for found in story.heard), Decimal(0))
    if got < wanted:
        outcome.lose(f"{label}: {got} instead of {wanted}", max(entry.time_ms for entry in story.told))
    elif got > wanted:
        outcome.fault("repeated", f"{label}: {got} instead of {wanted}")
    if any(found.entry.state[1] <= 0 for found in story.heard):
        outcome.fault("unexpected", f"{label}: one of nothing or less")


# --- orders -----------------------------------------------------------------------------------------------------------


def _compare_order(key: Key, story: _Story, outcome: Tally, *, has_fill: bool) -> None:
    label = _label("order", key)
    if not story.heard:
        _judge_unseen(label, story, outcome, has_fill=has_fill)
        return
    if not story.told:
        outcome.fault("unexpected", f"{label}: the exchange never told of it")
        return
    _check_order_of_states(label, story, outcome)
    parts = shared_parts([*story.told, *(found.entry for found in story.heard)])
    told, got = _states(story.told, parts), _states([found.entry for found in story.heard], parts)
    for state, times in (Counter(got) - Counter(told)).items():
        if state in told:
            outcome.fault("repeated", f"{label}: {_spelled(state)}, {times} times too often")
    if got[-1] != told[-1] and not _has_fired(key, story.heard[-1].entry):
        what = f"{label}: ended as {_spelled(told[-1])}, last delivered was {_spelled(got[-1])}"
        outcome.lose(what, story.told[-1].time_ms)
    outcome.superseded += max(0, len(told) - len(got))
    for before, after in zip(story.heard, story.heard[1:], strict=False):
        was, now = before.entry.state[1], after.entry.state[1]
        if before.is_final and not after.is_final:
            outcome.fault("out_of_order", f"{label}: {after.entry.state[0]} after {before.entry.state[0]}")
        elif was is not None and now is not None and now < was:
            outcome.fault("out_of_order", f"{label}: filled {now} after {was}")


def _has_fired(key: Key, entry: Entry) -> bool:
    """A conditional order that was triggered has ended: another one trades in its place, and is compared by itself."""
    return key[-1] == "conditional" and entry.state[0] == FIRED


def _judge_unseen(label: str, story: _Story, outcome: Tally, *, has_fill: bool) -> None:
    """An order of which nothing was delivered."""
    came_and_went = all(_is_in(entry.time_ms, outcome.away) for entry in story.told)
    if came_and_went and not has_fill:
        outcome.superseded += len(story.told)
    else:
        outcome.lose(f"{label}: nothing of it was delivered", story.told[-1].time_ms)


# --- what only goes forward -------------------------------------------------------------------------------------------


def _check_order_of_states(label: str, story: _Story, outcome: Tally) -> None:
    """Whether what was delivered came in the order in which it was told, with steps left out but none taken back."""
    for before, after in zip(story.heard, story.heard[1:], strict=False):
        has_one_clock = after.entry.recovered == before.entry.recovered  # some stamp answers by another than messages
        if has_one_clock and after.entry.time_ms < before.entry.time_ms:
            outcome.fault("out_of_order", f"{label}: {_dated(after.entry)}, after {_dated(before.entry)}")
    if not story.heard:
        outcome.superseded += len(story.told)
        return
    parts = shared_parts([*story.told, *(found.entry for found in story.heard)])
    places: dict[State, list[int]] = defaultdict(list)
    for place, state in enumerate(_states(story.told, parts)):
        places[state].append(place)
    reached, newest = -1, story.heard[0].entry
    for found in story.heard:
        state = tuple(found.entry.state[part] for part in parts)
        known = places.get(state)
        if known is None:
            if reached >= 0:  # before that it is how things stood when the program came
                outcome.fault("unexpected", f"{label}: {_dated(found.entry)}")
            continue
        index = bisect.bisect_left(known, reached)
        if index == len(known):
            what = f"{label}: {_dated(found.entry)}, after {_dated(newest)}, told {reached - known[-1]} steps later"
            outcome.fault("out_of_order", what)
        else:
            reached, newest = known[index], found.entry


def _check_unheard(unheard: Sequence[int], outcome: Tally) -> None:
    """Stretches in which nobody listened must be known to the program."""
    known = sorted([*outcome.away, *outcome.gaps])
    last_end = None
    for time_ms in sorted(unheard):
        if last_end is not None and time_ms <= last_end:
            continue
        last_end = next((end for begin, end in known if begin <= time_ms <= end), None)
        if last_end is None:
            outcome.fault("unreported", f"nobody listened at {time_ms}, and no Suspended or Gap says so")
            last_end = time_ms + UNSEEN


# --- the stream's own life --------------------------------------------------------------------------------------------


def _gaps(life: Sequence[Event]) -> list[Window]:
    """Of the gaps, those that speak of what is compared here, and not of what an exchange can never give back."""
    spoken_of = [event for event in life if isinstance(event, Gap) and not event.what.startswith(ALWAYS_SAID)]
    return [(event.since_ms or 0, event.until_ms or FOREVER) for event in spoken_of]


def _away(life: Sequence[Event], muted: Sequence[int]) -> list[Window]:
    """From each Suspended, and a little before, to the next Live; and from each time when it was muted.

    A connection that is muted while it recovers is told of as Live all the same, and found to be silent soon after.
    """
    lives = [event.time_ms for event in life if isinstance(event, Live)]
    suspensions = [event.time_ms for event in life if isinstance(event, Suspended)]
    recovering = [(at, _next(lives, at)) for at in suspensions]
    windows = [(begin - UNSEEN, end) for begin, end in recovering]
    for at in muted:
        live = _next(lives, at)
        found = _next(suspensions, live)
        is_found = _is_in(at, recovering) and found - live <= MUTE_AT_MOST
        windows.append((at, found if is_found else live))
    return sorted(windows)


def _next(times: Sequence[int], time_ms: int) -> int:
    return next((time for time in times if time >= time_ms), FOREVER)


def _is_in(time_ms: int, windows: Sequence[Window]) -> bool:
    return any(begin <= time_ms <= end for begin, end in windows)


def _states(entries: Sequence[Entry], parts: Sequence[int]) -> list[State]:
    return [tuple(entry.state[part] for part in parts) for entry in entries]


def _label(kind: str, key: Key) -> str:
    return " ".join(part for part in (kind, *key) if part)


def _spelled(state: State) -> str:
    return ", ".join(format(part, "f") if isinstance(part, Decimal) else str(part) for part in state)


def _dated(entry: Entry) -> str:
    return f"({_spelled(entry.state)}) of {entry.time_ms}{', recovered' if entry.recovered else ''}"
