"""The faults of a chaos run: which come when, and how an exchange of the simulator has them.

``plan`` is pure: the same seed gives the same faults in the same order. ``Trouble`` has them happen to one exchange; it
lives on the simulator's loop, and most faults end by themselves after a few seconds.

========== =============================================================================================================
drop       the exchange closes the connection, with a close frame
cut        the connection is cut, without one
silence    the socket stays open and nothing is written to it any more, not even pongs
lag        REST shows how things were one to three seconds ago; only on Binance, whose answers say of when they are: a
           balance of the others has no time, and nothing tells an old one from a new one
errors     REST answers 500, 502 (in HTML), 503, or nothing at all
limit      REST answers 429 with ``Retry-After: 1``
double     every message of the account comes twice
delay      messages come late; on JEX, which promises no order, also in another order, within the reorder window
refuse     the connection is cut, and the next handshakes are refused with 429, 502 or 503
expire     the listen key is dead; Binance says so once, twice or not at all, JEX closes the stream
token      the connection is cut, and the next logins at Deribit give tokens that live for five seconds
rotate     jexkit changes the connection, as it does before the 24-hour cut (done by the side that runs jexkit)
========== =============================================================================================================

Beside these there are those of ``CATALOGUE``, by their names in ``jexkit.sim.faults``, which says what they do. Of the
faults there, some are left out because a stream rightly ends for good (``subscription_left_out``), because nobody can
notice them, or not before long (``subscription_dropped``, ``tells_nothing``, ``tokens_expire``, ``key_dies``: the
connection lives, and an idle account looks the same), or because the comparison itself goes by what they put in
disorder (``push_times_jumbled``, ``clock_skew``).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from jexkit.sim.calls import Answer, Call
from jexkit.sim.connection import Connection, Frame
from jexkit.sim.faults import FAULTS
from jexkit.sim.jsontext import decode

EXCHANGES = ("binance_pm", "deribit", "poloniex", "jex")
WEIGHTS = {
    "drop": 14,
    "cut": 14,
    "silence": 4,
    "lag": 10,
    "errors": 8,
    "limit": 6,
    "double": 10,
    "delay": 10,
    "refuse": 6,
    "expire": 8,
    "token": 8,
    "rotate": 10,
}
CATALOGUE: dict[str, dict[str, Any]] = {
    "half_open": {},
    "stall": {"pause": 0.5},
    "cut_inside_frame": {},
    "malformed_frame": {},
    "oversized_frame": {},
    "garbage": {},
    "late_pongs": {},
    "missed_heartbeat": {},
    "maintenance": {"retry_after": 1},
    "handshake_hangs": {},
    "rest_hangs": {},
    "key_replaced": {},
    "session_evicted": {},
    "lost_acknowledgement": {},
    "trickle": {"size": 256},
    "nothing_but_garbage": {"kind": "json"},
    "late_answers": {"delay": 0.5},
    "day_cut": {"life": 1.0},
    "port_closed": {},
    "rest_banned": {"ban": 1.0},
    "key_expires_twice": {},
    "key_deleted": {},
    "credits_spent": {},
    "calls_fail": {"times": 2},
    "duplicates": {"after": 0.3},
    "kinds_overtake": {"by": 0.2},
    "rest_leads": {"by": 2.0},
}
"""Faults of ``jexkit.sim.faults``, with their parameters."""
WEIGHTS.update(dict.fromkeys(CATALOGUE, 2))
ONLY_ON = {"lag": ("binance_pm",), "expire": ("binance_pm", "jex"), "token": ("deribit",)}
ONLY_ON.update({kind: FAULTS[kind].exchanges for kind in CATALOGUE})
# Deribit's portfolios have neither time nor number: nobody can tell one that is late, with all else in time.
ONLY_ON["duplicates"] = ONLY_ON["kinds_overtake"] = ("binance_pm", "poloniex", "jex")
UNANNOUNCED = frozenset({"silence", "expire", "half_open", "key_replaced"})  # nobody can know at once
BY_JEXKIT = frozenset({"rotate"})

ODD_ORDER = 0.2  # seconds by which messages overtake each other on JEX; its reorder window is a quarter second
LATE = 0.5  # seconds that messages come late elsewhere
SHORT_TOKEN = 5  # seconds
LONG_TOKEN = 31_536_000

HTML = "<html><body><center><h1>502 Bad Gateway</h1></center></body></html>"
ERRORS = (
    Answer({"code": -1000, "msg": "An unknown error occurred while processing the request."}, status=500),
    Answer(status=502, text=HTML, content_type="text/html"),
    Answer(status=503, text="", content_type="text/plain"),
    Answer(abort=True),
)
LIMITED = Answer(status=429, text="", content_type="text/plain", headers={"Retry-After": "1"})
REFUSALS = (LIMITED, *ERRORS[1:3])


@dataclass(frozen=True)
class Fault:
    """One fault: where, which, for how many seconds where it lasts, and a number that decides on the details."""

    exchange: str
    kind: str
    seconds: float
    dice: int


def plan(faults: int, seed: int, without: Collection[str] = ()) -> list[Fault]:
    """So many faults, drawn by their weights. The four exchanges take turns in a random order."""
    rng = random.Random(seed)
    drawn: list[Fault] = []
    places: list[str] = []
    for _ in range(faults):
        if not places:
            places = rng.sample(EXCHANGES, len(EXCHANGES))
        exchange = places.pop()
        kinds = [kind for kind in WEIGHTS if kind not in without and exchange in ONLY_ON.get(kind, EXCHANGES)]
        kind = rng.choices(kinds, [WEIGHTS[name] for name in kinds])[0]
        drawn.append(Fault(exchange, kind, round(rng.uniform(2.0, 6.0), 2), rng.randrange(10**6)))
    return drawn


class Trouble:
    """The faults of one exchange. Every method runs on the simulator's loop."""

    def __init__(self, venue: Any) -> None:
        self._venue = venue
        self._account = venue.account("main")
        self._rng = random.Random(0)
        self._until: dict[str, float] = {}
        self._late_moment: object = None
        venue.on_frame = self._frame
        venue.on_call = self._call

    def begin(self, kind: str, seconds: float, dice: int) -> None:
        """Let one fault happen."""
        self._rng.seed(dice)
        self._until[kind] = self._now() + seconds
        happen: Callable[[float], object] | None = getattr(self, f"_{kind}", None)
        if happen is not None:
            happen(seconds)

    def end(self) -> None:
        """From now on nothing is wrong, but for connections that are silent already."""
        self._until.clear()
        self._venue.lag_rest(0.0)
        if hasattr(self._venue.rules, "token_life"):
            self._venue.rules.token_life = LONG_TOKEN

    # --- what happens at once ---------------------------------------------------------------------------------------

    def _drop(self, _: float) -> None:
        self._venue.drop(self._account, close_frame=True)

    def _cut(self, _: float) -> None:
        self._venue.drop(self._account, close_frame=False)

    _refuse = _cut

    def _silence(self, _: float) -> None:
        self._venue.silence(self._account)

    def _lag(self, seconds: float) -> None:
        self._venue.lag_rest(self._rng.uniform(1.0, 3.0))
        self._venue.clock.call_later(seconds, lambda: None if self._is("lag") else self._venue.lag_rest(0.0))

    def _token(self, seconds: float) -> None:
        rules = self._venue.rules
        rules.token_life = SHORT_TOKEN
        self._cut(seconds)

        def end() -> None:
            if not self._is("token"):
                rules.token_life = LONG_TOKEN

        self._venue.clock.call_later(seconds, end)

    def _expire(self, _: float) -> None:
        keys = self._venue.listen_keys
        if self._venue.exchange == "binance_pm":
            keys.expire(self._account, events=self._rng.randrange(3))
        else:
            for key in keys.of(self._account):
                keys.expire(key.text)

    # --- what lasts for a while -------------------------------------------------------------------------------------

    async def _call(self, call: Call) -> Answer | None:
        if call.is_socket:
            return self._copy(self._rng.choice(REFUSALS)) if self._is("refuse") else None
        if self._is("limit"):
            return self._copy(LIMITED)
        return self._copy(self._rng.choice(ERRORS)) if self._is("errors") else None

    @staticmethod
    def _copy(answer: Answer) -> Answer:
        """An answer gets headers on its way."""
        return Answer(
            answer.data, answer.status, dict(answer.headers), answer.text, answer.content_type, abort=answer.abort
        )

    def _frame(self, connection: Connection, frame: Frame) -> Iterable[tuple[float, Frame]]:
        frames = [frame, frame] if frame.event and self._is("double") else [frame]
        is_late = self._is("delay")
        if self._venue.exchange == "jex":
            wait = self._odd_wait(frame, is_late)
            return [(wait, each) for each in frames]
        waiting: deque[str] = connection.native.setdefault("late", deque())
        if not waiting and not is_late:
            return [(0.0, each) for each in frames]
        for each in frames:  # this one waits, and so does everything after it as long as anything waits
            waiting.append(each.text)
            wait = self._rng.uniform(0.0, LATE) if is_late else 0.0
            self._venue.clock.call_later(wait, lambda: connection.send(waiting.popleft()))
        return []

    def _odd_wait(self, frame: Frame, is_late: bool) -> float:
        """Messages of equal times stay in order, because nobody could restore it; ``u`` is the time of balances.

        So the last of those times that were late is late to its end.
        """
        message = decode(frame.text)
        moment = message.get("u") or message.get("E")
        if is_late:
            self._late_moment = moment
        elif moment != self._late_moment:
            return 0.0
        return random.Random(f"{moment}").uniform(0.0, ODD_ORDER)

    def _is(self, kind: str) -> bool:
        return self._until.get(kind, 0.0) > self._now()

    def _now(self) -> float:
        now: float = self._venue.clock.monotonic()
        return now
