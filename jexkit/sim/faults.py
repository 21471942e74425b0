"""Every fault that the simulator has, by name: where it applies, what it does, and its parameters.

    with sim.break_("deribit", "late_pongs", delay=15):     # mended at the end of the block
        ...
    sim.break_("jex", "rest_hangs", seconds=5)              # mended after five seconds of exchange time
    sim.schedule([(30, "deribit", "half_open"), (60, "poloniex", "drop", {"code": 1006})])

From the shell: `jexkit sim --fault deribit:half_open@30`, or `POST /faults` of the control site. What makes no sense is
refused when it is given, with a `BadFault` that says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from jexkit.sim.bounds import is_within, read_number, read_whole, shown, spelled
from jexkit.sim.breaking import lines, requests, sessions, sockets
from jexkit.sim.breaking.mending import Mend

Value: TypeAlias = "bool | int | float | str"

MOST_FLOAT = 1e15  # whole numbers up to it are floats as well
ALL = ("binance_pm", "deribit", "poloniex", "jex")
LISTEN_KEYS = ("binance_pm", "jex")


class BadFault(ValueError):
    """A fault, parameter or schedule that makes no sense; the text says why."""


@dataclass(frozen=True)
class Parameter:
    """One parameter: the type of its default is its type, numbers have bounds, and some have `choices`."""

    name: str
    default: Value
    about: str
    least: float = 0
    most: float = math.inf
    choices: tuple[Value, ...] = ()

    def check(self, value: object) -> Value:
        """The value in this parameter's type; text is read. Raises BadFault."""
        found = self._read(value) if isinstance(value, str) and not isinstance(self.default, str) else value
        if isinstance(self.default, float) and is_within(found, -MOST_FLOAT, MOST_FLOAT) and isinstance(found, int):
            found = float(found)
        if type(found) is not type(self.default):
            raise BadFault(f"{self.name} must be {_KINDS[type(self.default)]}, not {shown(value)}.")
        if self.choices and found not in self.choices:
            raise BadFault(f"{self.name} must be one of {', '.join(map(str, self.choices))}, not {shown(value)}.")
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            self._check_bounds(found)
        return found

    def _check_bounds(self, value: float) -> None:
        if not is_within(value, self.least, self.most):
            raise BadFault(f"{self.name} must be {spelled(self.least, self.most)}, not {shown(value)}.")

    def _read(self, text: str) -> object:
        if isinstance(self.default, bool):
            return {"true": True, "false": False}.get(text.lower(), text)
        read = read_number(text) if isinstance(self.default, float) else read_whole(text)
        return text if read is None else read


_KINDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True)
class Fault:
    """One fault. `lasts` says that there is something to mend; such faults take `seconds` as well."""

    does: Callable[..., Mend | None]
    about: str
    exchanges: tuple[str, ...] = ALL
    parameters: tuple[Parameter, ...] = ()
    lasts: bool = False

    def check(self, exchange: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters with their values. Raises BadFault."""
        if exchange not in self.exchanges:
            raise BadFault(f"{self.name} is no fault of {exchange}; it applies to {', '.join(self.exchanges)}.")
        known = {parameter.name: parameter for parameter in self.takes}
        unknown = sorted(
            shown(name) if name == "" or not isinstance(name, str) else name for name in given.keys() - known.keys()
        )
        if unknown:
            words = f"it has {', '.join(known)}" if known else "it has none"
            raise BadFault(f"{self.name} has no parameter {', '.join(unknown)}; {words}.")
        return {name: one.check(given[name]) if name in given else one.default for name, one in known.items()}

    @property
    def name(self) -> str:
        """That of the function that does it."""
        return self.does.__name__

    @property
    def takes(self) -> tuple[Parameter, ...]:
        """Its parameters and those that it shares with others."""
        return (*self.parameters, SECONDS) if self.lasts else self.parameters


SECONDS = Parameter("seconds", 0.0, "of exchange time until it is mended; 0: until somebody does")
ACCOUNT = Parameter("account", "", "whose; all if empty")
TIMES = Parameter("times", 0, "how often; 0: until it is mended", most=1_000_000)
ONCE = Parameter("times", 1, "how often; 0: until it is mended", most=1_000_000)
CUT = Parameter("cut", True, "end the open connections first, so that there is something to break")
PATH = Parameter("path", "", "only requests whose path has this in it")
RETRY_AFTER = Parameter("retry_after", 0, "seconds in the header Retry-After; 0 leaves it out", most=86_400)
PAUSE_MOST = 3600.0

FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        # Connections
        Fault(
            sockets.drop,
            "ends the connections with a close frame",
            parameters=(
                Parameter("code", 1001, "of the close frame", 1000, 4999),
                Parameter("reason", "server closes", "in the close frame"),
                ACCOUNT,
            ),
        ),
        Fault(sockets.cut, "ends the connections without a close frame", parameters=(ACCOUNT,)),
        Fault(
            sockets.half_open,
            "reads and writes nothing any more, and leaves the connections open",
            parameters=(ACCOUNT,),
        ),
        Fault(sockets.silence, "reads what is sent and answers nothing, not even pings", parameters=(ACCOUNT,)),
        Fault(
            sockets.deaf,
            "reads nothing any more and answers no handshake, but tells what happens",
            parameters=(ACCOUNT,),
            lasts=True,
        ),
        Fault(
            sockets.stall,
            "writes nothing for a while, then what has piled up",
            parameters=(Parameter("pause", 1.0, "exchange seconds", 0.001, PAUSE_MOST), ACCOUNT),
        ),
        Fault(
            sockets.trickle,
            "writes a few bytes at a time",
            parameters=(
                Parameter("size", 16, "bytes at a time", 1, 1 << 20),
                Parameter("pause", 0.001, "exchange seconds between two writes", 0, PAUSE_MOST),
                ACCOUNT,
            ),
            lasts=True,
        ),
        Fault(
            sockets.cut_inside_frame,
            "writes half of the next event's frame and cuts",
            parameters=(ONCE, ACCOUNT),
            lasts=True,
        ),
        Fault(
            sockets.oversized_frame,
            "begins a frame that claims to be enormous",
            parameters=(Parameter("size", 1 << 40, "bytes that it claims", 1 << 16, (1 << 63) - 1), ACCOUNT),
        ),
        Fault(sockets.malformed_frame, "writes a frame that breaks the websocket protocol", parameters=(ACCOUNT,)),
        Fault(
            sockets.garbage,
            "sends text that is no message of the exchange",
            parameters=(
                Parameter("text", "<html>Bad Gateway</html>", "of each frame"),
                Parameter("times", 1, "frames", 1, 100_000),
                ACCOUNT,
            ),
        ),
        Fault(
            sockets.nothing_but_garbage,
            "sends what is no message of the exchange, on new connections too",
            parameters=(
                Parameter(
                    "kind",
                    "text",
                    "of what: text and binary are random bytes, json is of the wrong shape, fragments never end",
                    choices=("text", "binary", "json", "huge", "fragments", "empty_fragments"),
                ),
                Parameter("every", 0.02, "exchange seconds", 0.001, PAUSE_MOST),
            ),
            lasts=True,
        ),
        Fault(
            sockets.late_pongs,
            "answers pings late",
            parameters=(Parameter("delay", 15.0, "exchange seconds", 0.001, PAUSE_MOST),),
            lasts=True,
        ),
        Fault(
            sockets.late_answers,
            "answers commands late",
            ("deribit", "poloniex"),
            (Parameter("delay", 1.0, "exchange seconds", 0.001, PAUSE_MOST), CUT),
            lasts=True,
        ),
        Fault(
            sockets.missed_heartbeat,
            "ends the connections as if the client had not answered a heartbeat or ping",
            parameters=(ACCOUNT,),
        ),
        Fault(
            sockets.day_cut,
            "ends every connection of a certain age, as after 24 hours",
            LISTEN_KEYS,
            (Parameter("life", 86_400.0, "exchange seconds from now, or from its beginning", 0.001, 86_400.0),),
            lasts=True,
        ),
        Fault(
            sockets.maintenance,
            "answers nothing but that it is under maintenance",
            parameters=(RETRY_AFTER,),
            lasts=True,
        ),
        # Handshakes
        Fault(
            requests.refuse_handshake,
            "refuses the next handshakes",
            parameters=(
                Parameter(
                    "status", 503, "HTTP status", choices=(400, 401, 403, 404, 410, 418, 429, 500, 502, 503, 504)
                ),
                RETRY_AFTER,
                ONCE,
                CUT,
            ),
            lasts=True,
        ),
        Fault(
            requests.port_closed, "refuses TCP connections, for handshakes and for REST", parameters=(CUT,), lasts=True
        ),
        Fault(requests.handshake_hangs, "accepts connections and answers no handshake", parameters=(CUT,), lasts=True),
        # REST
        Fault(requests.rest_hangs, "takes requests and does not answer", parameters=(PATH,), lasts=True),
        Fault(
            requests.rest_errors,
            "answers requests with an error",
            parameters=(
                Parameter(
                    "status", 500, "HTTP status", choices=(200, 400, 401, 403, 404, 408, 410, 500, 502, 503, 504)
                ),
                Parameter(
                    "code", 0, "the exchange's own, such as -1007 or 10041; 0: one that says nothing", -99_999, 99_999
                ),
                Parameter("html", False, "a page of HTML instead of the exchange's JSON; 403 always is one"),
                Parameter("carried_out", False, "the request was carried out, and its answer is lost"),
                TIMES,
                PATH,
            ),
            lasts=True,
        ),
        Fault(requests.rest_limited, "answers requests with 429", parameters=(RETRY_AFTER, TIMES, PATH), lasts=True),
        Fault(
            requests.rest_banned,
            "answers requests with 418 and the end of the ban",
            LISTEN_KEYS,
            (Parameter("ban", 120.0, "exchange seconds", 0.001, 3 * 86_400.0),),
            lasts=True,
        ),
        Fault(
            requests.rest_lags,
            "REST shows the account as it was a while ago",
            parameters=(Parameter("by", 1.0, "exchange seconds", 0.001, PAUSE_MOST),),
            lasts=True,
        ),
        Fault(
            requests.rest_leads,
            "the stream tells everything late, and REST has it at once",
            parameters=(Parameter("by", 1.0, "exchange seconds", 0.001, PAUSE_MOST),),
            lasts=True,
        ),
        # Listen keys, tokens, subscriptions
        Fault(sessions.key_expires, "ends the listen key as its hour does", LISTEN_KEYS, (ACCOUNT,)),
        Fault(
            sessions.key_expires_twice,
            "the same, and the notice comes twice within a millisecond",
            ("binance_pm",),
            (ACCOUNT,),
        ),
        Fault(sessions.key_dies, "ends the listen key without a word", LISTEN_KEYS, (ACCOUNT,)),
        Fault(sessions.key_replaced, "another program ended the listen key and got a new one", LISTEN_KEYS, (ACCOUNT,)),
        Fault(sessions.key_deleted, "another program of the account closed the listen key", LISTEN_KEYS, (ACCOUNT,)),
        Fault(sessions.tokens_expire, "ends the time of all tokens without a word", ("deribit",), (ACCOUNT,)),
        Fault(
            sessions.session_evicted,
            "ends the sessions, as too many logins with one key do",
            ("deribit",),
            (Parameter("closes", True, "the socket too"), ACCOUNT),
        ),
        Fault(sessions.subscription_dropped, "forgets the subscriptions without a word", parameters=(ACCOUNT,)),
        Fault(
            sessions.subscription_left_out,
            "grants every channel but one",
            ("deribit",),
            (Parameter("channel", "user.orders.any.any.raw", "which is left out"), CUT),
            lasts=True,
        ),
        Fault(
            sessions.lost_acknowledgement,
            "carries out subscriptions and loses the answer",
            ("deribit", "poloniex"),
            (ONCE, CUT),
            lasts=True,
        ),
        Fault(
            sessions.calls_fail,
            "answers commands on the websocket with an error",
            ("deribit", "poloniex"),
            (
                Parameter("method", "", "only commands with this in them, such as private/subscribe or orders"),
                Parameter("code", 10040, "of Deribit's error", -99_999, 99_999),
                Parameter("message", "Request failed", "of Poloniex's error"),
                ONCE,
                CUT,
            ),
            lasts=True,
        ),
        Fault(
            sessions.credits_spent,
            "answers with 10028 and ends the session",
            ("deribit",),
            (Parameter("method", "public/test", "whose next call it is"),),
        ),
        # What the stream tells
        Fault(
            sessions.duplicates,
            "tells every event several times",
            parameters=(
                Parameter("copies", 2, "of each", 2, 100),
                Parameter("after", 0.0, "exchange seconds by which copies are late", 0, PAUSE_MOST),
            ),
            lasts=True,
        ),
        Fault(sessions.tells_nothing, "keeps every event to itself, and answers as ever", lasts=True),
        Fault(
            sessions.kinds_overtake,
            "lets one kind of event overtake another",
            parameters=(Parameter("by", 0.5, "exchange seconds that every other kind is late", 0.001, PAUSE_MOST),),
            lasts=True,
        ),
        Fault(
            sessions.push_times_jumbled,
            "tells of pushes that they are older or newer than they are",
            ("poloniex",),
            (Parameter("by", 2.0, "seconds", 0.001, PAUSE_MOST),),
            lasts=True,
        ),
        Fault(
            sessions.reordering,
            "lets events overtake one another",
            ("jex",),
            (
                Parameter("every", 2, "how many-th event is overtaken", 2, 1000),
                Parameter("longest", 2.0, "exchange seconds that it waits for the one that overtakes it", 0.001, 60),
            ),
            lasts=True,
        ),
        Fault(
            sessions.clock_skew,
            "the clock of all exchanges of the simulator is ahead, or behind",
            parameters=(Parameter("by", 3600.0, "seconds; below zero for behind", -1e8, 1e8),),
            lasts=True,
        ),
        # The line in front, where there is one: Simulator(lines=True), and always at the command line
        Fault(lines.line_cut, "resets all connections"),
        Fault(
            lines.line_cut_after,
            "resets all connections in the middle of what is sent next",
            parameters=(Parameter("size", 20, "bytes that the client still gets", 1, 1 << 20),),
        ),
        Fault(lines.line_half_open, "forwards nothing and closes nothing, new connections included", lasts=True),
        Fault(lines.line_stall, "holds everything back for a while", lasts=True),
        Fault(
            lines.line_trickle,
            "forwards a few bytes at a time",
            parameters=(
                Parameter("size", 50, "bytes at a time", 1, 1 << 20),
                Parameter("pause", 0.001, "exchange seconds in between", 0, PAUSE_MOST),
            ),
            lasts=True,
        ),
        Fault(lines.line_refused, "resets all connections and refuses new ones", parameters=(CUT,), lasts=True),
    )
}
"""The one table of all faults."""


def find(name: object) -> Fault:
    """The fault of that name. Raises BadFault."""
    fault = FAULTS.get(name) if isinstance(name, str) else None
    if fault is None:
        raise BadFault(f"There is no fault {shown(name)}; there are {', '.join(sorted(FAULTS))}.")
    return fault
