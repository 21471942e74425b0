"""Hands entries of the journal to the consumers of one stream: each by its own position, with retries and dead letters.

``main`` is the consumer of callbacks that were registered without one; it leads. Another consumer that stands where
``main`` stands gets the same entry after it. One that stands before that, because it is new or was away, is given what
it lacks from the journal, a slice at a time between the newer entries, until it has come up with them.

A callback that raises is tried again, with growing pauses, once the others have had the entry, while the entries behind
wait. When the last attempt failed, the entry is set aside for that callback with its traceback, and the stream goes on.
The same holds for one that ends the process, see ``trials``. ``TryLater`` is no failure: the entry waits until what the
callback needs is there again.
"""

from __future__ import annotations

import functools
import threading
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager

import attrs

from jexkit import logs
from jexkit.core.journal import MAIN, DeadLetter, Entry
from jexkit.engine.clock import Clock
from jexkit.engine.journaling import Writer
from jexkit.engine.registry import Registration, Registry
from jexkit.engine.runner import Runner, name_of
from jexkit.engine.trials import Trials
from jexkit.errors import JournalError, TryLater, UnknownEntry
from jexkit.events import Event

logger = logs.of(__name__)

TRACEBACK_KEPT = 20_000  # characters, the last ones
ENDED = (
    "The process ended each time that this callback was called with this event, before it returned: by os._exit, a "
    "crash, a kill, or for want of memory. So there is no traceback."
)
SLICE = 100  # entries that one consumer gets of what it lacks before newer ones have their turn


@attrs.frozen
class Retries:
    """How often a callback is tried, and the pauses between: ``first`` seconds, doubled each time up to ``longest``.

    ``after_end``: the same as ``first``, where the process ended in the callback.
    """

    attempts: int = 5
    first: float = 0.1
    longest: float = 5.0
    after_end: float = 1.0

    def pause(self, failed: int) -> float:
        """Seconds to wait after the ``failed``-th attempt."""
        return min(self.longest, self.first * 2.0 ** min(failed - 1, 30))

    def pause_after_end(self, ended: int) -> float:
        """Seconds to wait in a new process. Not bounded: the next attempt must not fall into the same moment."""
        return self.after_end * 2.0 ** (ended - 1)


class _Failed(Exception):
    """A callback failed inside a transaction, which has to be taken back; without one the transaction itself failed."""

    def __init__(self, registration: Registration | None, error: BaseException) -> None:
        super().__init__()
        self.registration = registration
        self.error = error


@attrs.define(eq=False)
class _Owed:
    """An entry, to some callbacks of a consumer: to one, or, where they are one transaction, to all."""

    consumer: str
    callback: str  # its name in the journal, "" for all
    registrations: tuple[Registration, ...]
    scope_of: Callable[[], AbstractContextManager[object] | None] | None = None  # makes them one transaction
    is_replay: bool = False
    before: int = 0  # attempts that are not counted in failed
    failed: int = 0
    waited: int = 0  # times in a row that it asked to be called later
    pause: float = 0.0  # seconds to the next attempt
    letters: list[DeadLetter] = attrs.field(factory=list)  # of callbacks of the transaction that are left out of it

    @property
    def is_settled(self) -> bool:
        return not self.registrations and not self.letters


@attrs.frozen(eq=False)
class _Plan:
    """Who gets the events of one type: worked out once, and again when callbacks come or go."""

    own: tuple[Registration, ...]  # what it was worked out from
    common: tuple[Registration, ...]
    wanted: dict[str, tuple[Registration, ...]]  # by consumer, in the order in which they are to be called

    @classmethod
    def of(cls, kind: type[Event], own: tuple[Registration, ...], common: tuple[Registration, ...]) -> _Plan:
        everybody: dict[str, tuple[Registration, ...]] = {MAIN: ()}
        for registration in (*own, *common):
            before = everybody.setdefault(registration.consumer, ())
            if issubclass(kind, registration.kind):
                everybody[registration.consumer] = (*before, registration)
        return cls(own, common, everybody)


class Consumers:
    """Used on the delivery thread alone. ``stopping`` ends the pauses between attempts."""

    def __init__(
        self,
        stream: str,
        own: Registry,
        common: Registry,
        *,
        runner: Runner,
        writer: Writer,
        clock: Clock,
        stopping: threading.Event,
        retries: Retries | None = None,
    ) -> None:
        self._stream = stream
        self._logger = logs.about(logger, stream)
        self._own = own
        self._common = common
        self._runner = runner
        self._writer = writer
        self._clock = clock
        self._stopping = stopping
        self._retries = retries or Retries()
        self._trials = Trials(stream, writer, stopping)
        self._plans: dict[type[Event], _Plan] = {}
        self._positions: dict[str, int] = {}
        self._at = 0  # where main stands
        self._unclaimed: set[int] = set()  # wanted dead letters of which it was said that nobody is there for them
        self.dead_letters = 0

    def start(self, at: int) -> None:
        """Main stands at ``at``. Raises JournalError."""
        self._at = self._positions[MAIN] = at
        self._trials.start()

    def spare(self) -> None:
        """From any thread: the stream stops, and the callback that is under way is not to blame for it."""
        self._trials.spare()

    def hand_out(self, entry: Entry) -> bool:
        """The next entry of the stream, to everybody who stands where main stands.

        False if the stream was stopped before its callbacks were done with it; then it is not acknowledged.
        """
        owed: list[_Owed] = []
        for consumer, registrations in self._plan(type(entry.event)).wanted.items():
            if self._at <= self._positions[consumer] < entry.position:
                owed += self._give(consumer, registrations, entry)
        if owed and not self._settle(owed, entry):
            return False
        self._at = entry.position
        return True

    def catch_up(self) -> bool:
        """Give one slice to each consumer that is behind main. True if somebody is behind still."""
        behind = [consumer for consumer in self._plan(Event).wanted if self._position(consumer) < self._at]
        for consumer in behind:
            self._catch_up(consumer)
        return any(self._position(consumer) < self._at for consumer in behind)

    def redeliver(self, letter: DeadLetter) -> bool:
        """A dead letter that is wanted again: to its callback, or to all of its consumer if that is no more.

        False if nobody is there: it stays wanted, and somebody may come.
        """
        entry, wanted = letter.entry, self._plan(type(letter.entry.event)).wanted.get(letter.consumer, ())
        wanted = tuple(each for each in wanted if name_of(each.callback) == letter.callback) or wanted
        if not wanted:
            if letter.number not in self._unclaimed:
                self._logger.warning("nobody is registered any more for dead letter %d; it is kept", letter.number)
            self._unclaimed.add(letter.number)
            return False
        self._unclaimed.discard(letter.number)
        owed = self._owed_again(letter, wanted)
        for each in owed:
            each.pause = self._pause_at_first(each, entry)
        try:
            if self._settle(owed, entry):
                self._trials.passed(letter.consumer, entry)
                if any(each.scope_of is None for each in owed):
                    self._writer.journal.discard(letter.number)
        except UnknownEntry:
            self._logger.info("dead letter %d is gone: somebody else has discarded or delivered it", letter.number)
        return True

    # --- inner ------------------------------------------------------------------------------------------------------

    def _plan(self, kind: type[Event]) -> _Plan:
        plan = self._plans.get(kind)
        if plan is None or plan.own is not self._own.registrations or plan.common is not self._common.registrations:
            plan = _Plan.of(kind, self._own.registrations, self._common.registrations)
            for consumer in plan.wanted:
                self._position(consumer)  # known before any callback runs: the journal may be away
            self._plans[kind] = plan
        return plan

    def _owed_again(self, letter: DeadLetter, wanted: tuple[Registration, ...]) -> list[_Owed]:
        again = functools.partial(self._writer.journal.replaying, letter)
        if again() is not None:
            name = _whole_name(wanted)
            return [_Owed(letter.consumer, name, wanted, again, is_replay=True, before=letter.attempts)]
        return [
            _Owed(letter.consumer, _name_in(wanted, each), (each,), is_replay=True, before=letter.attempts)
            for each in wanted
        ]

    def _position(self, consumer: str) -> int:
        position = self._positions.get(consumer)
        if position is None:
            position = self._positions[consumer] = self._writer.journal.position(self._stream, consumer)
            self._writer.acknowledge(self._stream, consumer, position)  # known from now on
        return position

    def _catch_up(self, consumer: str) -> None:
        entries = self._writer.journal.read(self._positions[consumer], stream=self._stream, limit=SLICE)
        for entry in entries:
            if entry.position > self._at:
                break
            owed = self._give(consumer, self._plan(type(entry.event)).wanted.get(consumer, ()), entry)
            if owed and not self._settle(owed, entry):
                return
        else:
            if len(entries) == SLICE:
                return
        self._positions[consumer] = self._at  # there is nothing of this stream in between

    def _give(self, consumer: str, registrations: tuple[Registration, ...], entry: Entry) -> list[_Owed]:
        """The entry to all callbacks of a consumer; returns what is owed still to those that failed."""
        owed = self._begin(consumer, registrations, entry)
        if not owed:
            self._done(consumer, entry)
        return owed

    def _begin(self, consumer: str, registrations: tuple[Registration, ...], entry: Entry) -> list[_Owed]:
        """The first attempt of each; returns what is owed after it."""
        if not registrations:
            return []
        if self._writer.journal.handling(entry, consumer) is not None:
            handling = functools.partial(self._writer.journal.handling, entry, consumer)
            all_owed = [_Owed(consumer, _whole_name(registrations), registrations, handling)]
        elif entry.position > self._trials.last:
            return self._begin_new(consumer, registrations, entry)
        else:
            all_owed = [_Owed(consumer, _name_in(registrations, each), (each,)) for each in registrations]
        for owed in all_owed:
            owed.pause = self._pause_at_first(owed, entry)
            if not owed.pause:  # else the others first
                self._attempt(owed, entry)
        return [owed for owed in all_owed if not owed.is_settled]

    def _pause_at_first(self, owed: _Owed, entry: Entry) -> float:
        """Seconds to wait with the first attempt in this process; see ``trials`` for why."""
        ended = self._trials.count(owed.consumer, owed.callback, entry)
        return self._retries.pause_after_end(ended) if 0 < ended < self._retries.attempts else 0.0

    def _begin_new(self, consumer: str, registrations: tuple[Registration, ...], entry: Entry) -> list[_Owed]:
        """The same for nearly all entries there are, on the shortest way."""
        all_owed: list[_Owed] = []
        for registration in registrations:
            error = self._runner.run(registration.callback, entry.event) if registration.is_active else None
            if error is not None:
                all_owed.append(_Owed(consumer, _name_in(registrations, registration), (registration,)))
                self._note(all_owed[-1], _Failed(registration, error), entry)
        return [owed for owed in all_owed if not owed.is_settled] if all_owed else all_owed

    def _settle(self, all_owed: list[_Owed], entry: Entry) -> bool:
        """Attempt after attempt, each when its time has come, until nothing is owed; False if the stream was stopped
        before that."""
        while all_owed:
            pause = min(owed.pause for owed in all_owed)
            if pause > 0 and self._stopping.wait(pause):
                return False
            for owed in all_owed:
                owed.pause -= pause
                if owed.pause <= 0:
                    self._attempt(owed, entry)
            left = [owed for owed in all_owed if not owed.is_settled]
            for consumer in {owed.consumer for owed in all_owed if not owed.is_replay}:
                if all(owed.consumer != consumer for owed in left):
                    self._done(consumer, entry)
            all_owed = left
        return True

    def _done(self, consumer: str, entry: Entry) -> None:
        """Acknowledged, if that did not happen in the callbacks' own transaction."""
        if entry.position <= self._trials.last:
            self._trials.passed(consumer, entry)
        if entry.position > self._positions[consumer]:
            self._positions[consumer] = entry.position
            self._writer.acknowledge(self._stream, consumer, entry.position)

    def _attempt(self, owed: _Owed, entry: Entry) -> None:
        """One attempt; ``owed`` says what is left to do after it."""
        ended = self._trials.count(owed.consumer, owed.callback, entry)
        if ended >= self._retries.attempts and owed.registrations:
            self._give_up_on(owed, owed.registrations, entry, ENDED, ended)
            return
        failure = self._trials.run(
            owed.consumer, owed.callback, entry, lambda: self._run(owed, entry), is_replay=owed.is_replay
        )
        if failure is not None:
            self._note(owed, failure, entry)
            return
        owed.registrations, owed.letters = (), []
        if owed.scope_of is not None and not owed.is_replay:
            self._positions[owed.consumer] = entry.position  # acknowledged, in their transaction

    def _run(self, owed: _Owed, entry: Entry) -> _Failed | None:
        if owed.scope_of is not None and (scope := owed.scope_of()) is not None:
            return self._run_whole(scope, owed, entry)
        (registration,) = owed.registrations
        error = self._runner.run(registration.callback, entry.event) if registration.is_active else None
        return None if error is None else _Failed(registration, error)

    def _note(self, owed: _Owed, failure: _Failed, entry: Entry) -> None:
        """An attempt failed: there will be another one, or it was the last."""
        owed.failed, owed.waited = _counted(failure.error, owed.failed, owed.waited)
        if owed.failed < self._retries.attempts:
            owed.pause = self._retries.pause(owed.waited or owed.failed)
            return
        guilty = tuple(each for each in owed.registrations if failure.registration in (None, each))
        text = "".join(traceback.format_exception(failure.error))
        self._give_up_on(owed, guilty, entry, text, owed.before + owed.failed)

    def _give_up_on(
        self, owed: _Owed, guilty: tuple[Registration, ...], entry: Entry, text: str, attempts: int
    ) -> None:
        """Set the entry aside for them; the other callbacks of their transaction are owed it still.

        Of a transaction the dead letters are a part: a crash between the two would leave a letter, and the event too.
        """
        for registration in guilty:
            letter = self._letter(registration, owed.consumer, entry, text, attempts)
            if owed.scope_of is not None:
                owed.letters.append(letter)
            elif not self._set_aside(letter):
                owed.pause = self._retries.longest  # the stream was stopped
                return
            owed.registrations = tuple(each for each in owed.registrations if each is not registration)
        owed.failed, owed.pause = 0, 0.0

    def _run_whole(self, scope: AbstractContextManager[object], owed: _Owed, entry: Entry) -> _Failed | None:
        """The callbacks of a consumer as one: what they wrote is kept when all of them have returned."""
        try:
            with scope:
                kept = [self._writer.journal.set_aside(letter) for letter in owed.letters]
                self._run_all(owed.registrations, entry)
        except _Failed as failure:
            return failure
        except JournalError:
            raise  # the journal is away: no fault of the event's, which would be set aside for it
        except Exception as error:
            self._logger.exception("what callbacks wrote for %s could not be kept", type(entry.event).__name__)
            return _Failed(None, error)
        for letter in kept:
            self._tell(letter)
        return None

    def _run_all(self, registrations: tuple[Registration, ...], entry: Entry) -> None:
        for registration in registrations:
            error = self._runner.run(registration.callback, entry.event) if registration.is_active else None
            if error is not None:
                raise _Failed(registration, error)

    def _letter(self, registration: Registration, consumer: str, entry: Entry, text: str, attempts: int) -> DeadLetter:
        return DeadLetter(
            entry,
            consumer,
            name_of(registration.callback),
            logs.redaction.clean(text)[-TRACEBACK_KEPT:],
            attempts,
            self._clock.now().wall_ms,
        )

    def _set_aside(self, letter: DeadLetter) -> bool:
        """Keep a dead letter; False if the journal could not be written and the stream was stopped meanwhile."""
        while True:
            try:
                kept = self._writer.journal.set_aside(letter)
            except JournalError as trouble:
                self._logger.warning("a dead letter cannot be kept yet; trying again: %s", trouble)
                if self._stopping.wait(self._retries.longest):
                    return False
            else:
                break
        self._tell(kept)
        return True

    def _tell(self, kept: DeadLetter) -> None:
        self.dead_letters += 1
        self._logger.error(
            "the callback %s failed %d times on %s %s: set aside as dead letter %d",
            kept.callback,
            kept.attempts,
            type(kept.entry.event).__name__,
            kept.entry.event.id,
            kept.number,
        )


def _whole_name(registrations: tuple[Registration, ...]) -> str:
    """The name of callbacks that are one transaction: that of the one there is, or none."""
    return name_of(registrations[0].callback) if len(registrations) == 1 else ""


def _name_in(registrations: tuple[Registration, ...], registration: Registration) -> str:
    """The name of a callback; with a number where others before it have the same."""
    name = name_of(registration.callback)
    names = [name_of(each.callback) for each in registrations[: registrations.index(registration)]]
    return f"{name} {names.count(name) + 1}" if name in names else name


def _counted(error: BaseException, failed: int, waited: int) -> tuple[int, int]:
    """Attempts that failed, and times in a row that the callback asked to be called later."""
    return (failed, waited + 1) if isinstance(error, TryLater) else (failed + 1, 0)
