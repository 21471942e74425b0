"""Faults of handshakes and of REST: refusals, hanging, errors, limits, and answers from the past or the future."""

from __future__ import annotations

import asyncio
from typing import Any

from jexkit.sim.breaking.mending import Mend, answer_next, remover
from jexkit.sim.calls import Answer, Call
from jexkit.sim.deribit.errors import RpcError
from jexkit.sim.venue import Venue

FINE, FORBIDDEN = 200, 403
PAGE = "<html><head><title>{status}</title></head><body><h1>{status} {word}</h1></body></html>"
WORDS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    410: "Gone",
    418: "I'm a teapot",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def page(status: int, retry_after: int = 0) -> Answer:
    """What the edge in front of an exchange answers: HTML."""
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    text = PAGE.format(status=status, word=WORDS[status])
    return Answer(status=status, text=text, content_type="text/html", headers=headers)


def refuse_handshake(venue: Venue[Any], *, status: int, retry_after: int, times: int, cut: bool) -> Mend:
    """Refuse the next handshakes; `cut` ends the open connections so that there are some."""

    def refuse(call: Call) -> Answer | None:
        return page(status, retry_after) if call.is_socket else None

    mend = answer_next(venue.faults.calls, refuse, times)
    if cut:
        venue.drop(close_frame=False)
    return mend


def handshake_hangs(venue: Venue[Any], *, cut: bool) -> Mend:
    """Accept TCP, and never answer a handshake; see `refuse_handshake` for `cut`."""
    mend = hang(venue, sockets=True, path="")
    if cut:
        venue.drop(close_frame=False)
    return mend


def rest_hangs(venue: Venue[Any], *, path: str) -> Mend:
    """Take requests and do not answer; those that wait when it is mended are carried out."""
    return hang(venue, sockets=False, path=path)


def hang(venue: Venue[Any], *, sockets: bool, path: str) -> Mend:
    """Answer no handshake, or no request with `path` in its path; those that wait when it is mended are carried out."""

    mended = asyncio.Event()

    async def hang(call: Call) -> Answer | None:
        if call.is_socket is sockets and path in call.path:
            await mended.wait()
        return None

    venue.faults.calls.append(hang)
    remove = remover(venue.faults.calls, hang)

    def mend() -> None:
        mended.set()
        remove()

    return mend


def port_closed(venue: Venue[Any], *, cut: bool) -> Mend:
    """Refuse TCP, as a host on which nothing listens; see `refuse_handshake` for `cut`."""
    venue.close_port()
    if cut:
        venue.drop(close_frame=False)
    return venue.open_port


def rest_errors(
    venue: Venue[Any], *, status: int, code: int, html: bool, carried_out: bool, times: int, path: str
) -> Mend:
    """Answer with an error; `carried_out` does what was asked first, so that the outcome is unknown to the client.

    403 comes from a firewall, in HTML.
    """
    is_page = html or status == FORBIDDEN
    answer = page(status) if is_page else Answer(error_body(venue, status, code), status=status)
    if not carried_out:
        return answer_next(venue.faults.calls, lambda call: answer if _is_rest(call, path) else None, times)
    left = times

    async def lose(call: Call, done: Answer) -> Answer:
        nonlocal left
        if not _is_rest(call, path):
            return done
        left -= 1
        if left == 0:
            mend()
        return answer

    venue.faults.answers.append(lose)
    mend = remover(venue.faults.answers, lose)
    return mend


def _is_rest(call: Call, path: str) -> bool:
    return not call.is_socket and path in call.path


def error_body(venue: Venue[Any], status: int, code: int = 0) -> dict[str, Any]:
    """An error with this code in the exchange's form; 0 is for one that says nothing."""
    if venue.exchange == "deribit":
        return {"jsonrpc": "2.0", "error": RpcError(code or 11094).as_json()}
    if venue.exchange == "poloniex":
        internal = 500 if status == FINE else status
        return {"code": code or internal, "message": WORDS[internal]}
    return {"code": code or -1000, "msg": "Unknown error, please check your request or try again later."}


def rest_limited(venue: Venue[Any], *, retry_after: int, times: int, path: str) -> Mend:
    """Answer 429 to so many requests."""
    bodies: dict[str, Any] = {
        "deribit": {"jsonrpc": "2.0", "error": {"code": 10028, "message": "too_many_requests"}},
        "poloniex": {"code": 429, "message": "Too many requests"},
    }
    body = bodies.get(venue.exchange, {"code": -1003, "msg": "Too many requests; please slow down."})
    answer = Answer(body, status=429, headers={"Retry-After": str(retry_after)} if retry_after else {})
    return answer_next(venue.faults.calls, lambda call: answer if _is_rest(call, path) else None, times)


def rest_banned(venue: Venue[Any], *, ban: float) -> Mend:
    """Answer 418 to every request, and say when it ends; it does end then."""
    until_ms = venue.clock.now_ms() + round(ban / venue.clock.speed * 1000)
    text = f"Way too many requests; IP banned until {until_ms}. Please use the websocket to avoid bans."

    def banned(call: Call) -> Answer | None:
        left_ms = until_ms - venue.clock.now_ms()
        if call.is_socket or left_ms <= 0:
            return None
        headers = {"Retry-After": str(left_ms // 1000 + 1)} if getattr(venue.rules, "retry_after", False) else {}
        return Answer({"code": -1003, "msg": text}, status=418, headers=headers)

    return answer_next(venue.faults.calls, banned, 0)


def rest_lags(venue: Venue[Any], *, by: float) -> Mend:
    """Let REST show the account as it was so many seconds ago."""
    venue.lag_rest(by)
    return lambda: venue.lag_rest(0.0)


def rest_leads(venue: Venue[Any], *, by: float) -> Mend:
    """Let the stream tell everything so many seconds late, while REST has it at once."""
    before, venue.rules.stream_delay = venue.rules.stream_delay, by

    def mend() -> None:
        venue.rules.stream_delay = before

    return mend


def unavailable(venue: Venue[Any], retry_after: int, *, sockets: bool) -> Mend:
    """Answer 503 to everything, or to REST alone."""
    answer = page(503, retry_after)
    return answer_next(venue.faults.calls, lambda call: answer if sockets or not call.is_socket else None, 0)
