"""Faults of what a stream needs beside its socket: listen keys, tokens, subscriptions, credits, the clock."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from jexkit.sim.binance_pm import BinancePm
from jexkit.sim.breaking.mending import Mend, remover, until_used
from jexkit.sim.breaking.sockets import connections
from jexkit.sim.connection import Connection, Frame
from jexkit.sim.deribit import Deribit
from jexkit.sim.deribit.errors import RpcError
from jexkit.sim.hooks import Planned
from jexkit.sim.jex import Jex
from jexkit.sim.jsontext import decode, encode
from jexkit.sim.ledger import Account
from jexkit.sim.poloniex import Poloniex
from jexkit.sim.venue import Venue

PUSH_TIME = re.compile(r'"ts":(\d+)')


def accounts(venue: Venue[Any], account: str) -> list[Any]:
    """The account of that name, or all."""
    return [one for one in venue.accounts.values() if not account or one.name == account]


def key_expires(venue: Venue[Any], *, account: str) -> None:
    """End the listen keys as their hour does: Binance tells so on the open socket, JEX closes it."""
    for one in accounts(venue, account):
        _expire(venue, one, 1)


def key_expires_twice(venue: BinancePm, *, account: str) -> None:
    """The same, told twice within a millisecond, as users of Binance have seen."""
    for one in accounts(venue, account):
        _expire(venue, one, 2)


def key_dies(venue: Venue[Any], *, account: str) -> None:
    """End the listen keys without a word: the sockets stay open and tell nothing any more."""
    for one in accounts(venue, account):
        _expire(venue, one, 0)


def key_replaced(venue: BinancePm | Jex, *, account: str) -> None:
    """Let another program end the account's listen key and get a new one: the old one's sockets fall silent."""
    for one in accounts(venue, account):
        _expire(venue, one, 0)
        venue.listen_keys.create(one)


def key_deleted(venue: BinancePm | Jex, *, account: str) -> None:
    """Let another program of the account close the listen key: its sockets are closed."""
    for one in accounts(venue, account):
        if isinstance(venue, BinancePm):
            venue.listen_keys.close(one)
        else:
            for key in venue.listen_keys.of(one):
                venue.listen_keys.close(one, key.text)
        for connection in connections(venue, one.name):
            connection.close(1000, "")


def _expire(venue: Venue[Any], account: Account, events: int) -> None:
    if isinstance(venue, BinancePm):
        venue.listen_keys.expire(account, events)
    elif isinstance(venue, Jex):
        closes, venue.rules.expiry_closes_sockets = venue.rules.expiry_closes_sockets, events > 0
        for key in venue.listen_keys.of(account):
            venue.listen_keys.expire(key.text)
        venue.rules.expiry_closes_sockets = closes


def tokens_expire(venue: Deribit, *, account: str) -> None:
    """Let the time of all tokens be over: the sockets stay open, private channels fall silent, 13009 to every call."""
    for one in accounts(venue, account):
        venue.expire_tokens(one)


def session_evicted(venue: Deribit, *, closes: bool, account: str) -> None:
    """End the sessions as the seventeenth login of a key does with the oldest (16 sessions a key)."""
    for one in accounts(venue, account):
        venue.tokens.kill(lambda token, owner=one: token.account is owner)  # type: ignore[misc]
    for connection in connections(venue, account) if closes else ():
        connection.close(1000, "session evicted")


def subscription_dropped(venue: Venue[Any], *, account: str) -> None:
    """Forget what the connections are subscribed to, without a word; pings are answered as before."""
    for connection in connections(venue, account):
        connection.names.clear()


def subscription_left_out(venue: Deribit, *, channel: str, cut: bool) -> Mend:
    """Leave a channel out of the answer to every subscription, and out of what is told.

    `cut` ends the open connections, so that there is one.
    """
    before = venue.rules.silently_refused
    venue.rules.silently_refused = before | {channel}
    if cut:
        venue.drop(close_frame=False)

    def mend() -> None:
        venue.rules.silently_refused = before

    return mend


def lost_acknowledgement(venue: Venue[Any], *, times: int, cut: bool) -> Mend:
    """Carry out the next subscriptions, and lose their acknowledgements; `cut` ends the open connections."""

    def lose(_connection: Connection, frame: Frame) -> list[Planned] | None:
        is_answer = not frame.event and ('"event":"subscribe"' in frame.text or '"result":["' in frame.text)
        return [] if is_answer else None

    mend = until_used(venue.faults.frames, lose, times)
    if cut:
        venue.drop(close_frame=False)
    return mend


def credits_spent(venue: Deribit, *, method: str) -> None:
    """Answer the next call of a method with 10028 and end the session, as for a key without credits."""
    venue.fail_next(method, 10028)


def calls_fail(venue: Deribit | Poloniex, *, method: str, code: int, message: str, times: int, cut: bool) -> Mend:
    """Answer commands with an error and do not carry them out; Poloniex's pings are no commands.

    `cut` ends the open connections, so that there are some.
    """
    used = 0

    def fail(connection: Connection, text: str) -> bool:
        nonlocal used
        answer = _failure(venue, text, method, code, message)
        if answer is None:
            return False
        venue.deliver(connection, Frame(encode(answer)))
        used += 1
        if used == times:
            mend()
        return True

    venue.faults.heard.append(fail)
    mend = remover(venue.faults.heard, fail)
    if cut:
        venue.drop(close_frame=False)
    return mend


def _failure(venue: Deribit | Poloniex, text: str, method: str, code: int, message: str) -> dict[str, Any] | None:
    """The error that answers a command, None for what is none or another."""
    try:
        said = decode(text)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    if isinstance(venue, Deribit):
        is_meant = method in str(said.get("method", ""))
        return {"jsonrpc": "2.0", "id": said.get("id"), "error": RpcError(code).as_json()} if is_meant else None
    command = f"{said.get('event')} {said.get('channel', '')}"
    is_meant = method in command and said.get("event") != "ping"
    return {"message": message, "event": "error"} if is_meant else None


def tells_nothing(venue: Venue[Any]) -> Mend:
    """Keep every event to itself, on new connections too; pings and commands are answered as ever."""

    def keep(_connection: Connection, frame: Frame) -> list[Planned] | None:
        return [] if frame.event else None

    return until_used(venue.faults.frames, keep, 0)


def kinds_overtake(venue: Venue[Any], *, by: float) -> Mend:
    """Tell every other kind of event late: each kind is in order, and they are not in order among each other."""
    kinds: dict[str, float] = {}

    def later(_connection: Connection, frame: Frame) -> list[Planned] | None:
        if not frame.event:
            return None
        delay = kinds.setdefault(frame.event, by if len(kinds) % 2 == 0 else 0.0)
        return [(delay, frame)]

    return until_used(venue.faults.frames, later, 0)


def push_times_jumbled(venue: Poloniex, *, by: float) -> Mend:
    """Let the times of pushes (`ts`) go forth and back; when things happened stays as it was."""
    shift = round(by * 1000)

    def jumble(_connection: Connection, frame: Frame) -> list[Planned] | None:
        nonlocal shift
        if not frame.event:
            return None
        shift = -shift
        text = PUSH_TIME.sub(lambda found: f'"ts":{int(found[1]) + shift}', frame.text)
        return [(0.0, replace(frame, text=text))]

    return until_used(venue.faults.frames, jumble, 0)


def duplicates(venue: Venue[Any], *, copies: int, after: float) -> Mend:
    """Tell every event several times, at once or so much later that others have come in between."""

    def multiply(_connection: Connection, frame: Frame) -> list[Planned] | None:
        return [(0.0, frame), *[(after, frame)] * (copies - 1)] if frame.event else None

    return until_used(venue.faults.frames, multiply, 0)


def reordering(venue: Jex, *, every: int, longest: float) -> Mend:
    """Hold back every so many-th event until the next one has left, or for so long."""
    rules = venue.rules
    before = (rules.swap_every, rules.swap_longest)
    rules.swap_every, rules.swap_longest = every, longest

    def mend() -> None:
        rules.swap_every, rules.swap_longest = before

    return mend


def clock_skew(venue: Venue[Any], *, by: float) -> Mend:
    """Let the exchange's clock be ahead by so many seconds, or behind; all exchanges of a simulator share one."""
    venue.clock.skew_ms += round(by * 1000)

    def mend() -> None:
        venue.clock.skew_ms -= round(by * 1000)

    return mend
