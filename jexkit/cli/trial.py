"""One account, tried out: what works and what does not, and what to do about it. Nothing is traded or changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from jexkit.accounts import Account
from jexkit.errors import (
    AuthenticationError,
    ConfigurationError,
    JexkitError,
    PermissionDenied,
    StreamEnded,
    TransportError,
    WaitTimeout,
)
from jexkit.manager import StreamManager
from jexkit.rest import RestClient
from jexkit.stream import Stream

LARGEST_SKEW_MS = 5_000  # the exchanges' usual window for timestamps; jexkit corrects for more, other programs do not
LIVE_WITHIN = 20.0  # seconds
PROOF_WITHIN = 15.0  # seconds

# What to do about a failure, by the error; the error's own sentence goes before it.
ADVICE: tuple[tuple[type[JexkitError], str], ...] = (
    (AuthenticationError, "compare key and secret with the exchange's page, and whether it is the right system"),
    (PermissionDenied, "allow reading for this key at the exchange, and this address if the key has a list of them"),
    (TransportError, "check the network, the proxy, and the addresses of the account"),
    (WaitTimeout, "try again with 'jexkit listen -v', which tells what happens meanwhile"),
)


@attrs.frozen
class Result:
    """One line. ``skipped`` marks what could not be tried because something before it failed."""

    what: str
    is_ok: bool
    said: str = ""
    skipped: bool = False

    @property
    def verdict(self) -> str:
        return "skipped" if self.skipped else "ok" if self.is_ok else "failed"


def check_account(name: str, account: Account) -> Iterator[Result]:
    """Try everything, in the order in which it would fail."""
    with RestClient(account, name) as client:
        reached = _tried("host reachable", lambda: f"{account.rest_url} answers", client.clock_skew_ms)
        yield reached
        if not reached.is_ok:
            yield from _skipped("clock", "credentials", "permissions", "stream opens", "proof of life")
            return
        yield _clock(client)
        credentials = _credentials(client)
        yield credentials
        if not credentials.is_ok:
            yield from _skipped("permissions", "stream opens", "proof of life")
            return
        yield _permissions(client)
    yield from _stream(name, account)


def _skipped(*names: str) -> Iterator[Result]:
    for name in names:
        yield Result(name, is_ok=False, skipped=True)


def _tried(what: str, said: Callable[[], str], attempt: Callable[[], object]) -> Result:
    try:
        attempt()
    except JexkitError as error:
        return Result(what, is_ok=False, said=with_advice(error))
    return Result(what, is_ok=True, said=said())


def with_advice(error: JexkitError) -> str:
    """The error's own sentence, and what to do about it."""
    cause = error.cause if isinstance(error, StreamEnded) and error.cause is not None else error
    advice = next((text for kind, text in ADVICE if isinstance(cause, kind)), "")
    return f"{cause}; {advice}" if advice else str(cause)


def _clock(client: RestClient) -> Result:
    try:
        skew_ms = client.clock_skew_ms()
    except JexkitError as error:
        return Result("clock", is_ok=False, said=with_advice(error))
    said = f"{abs(skew_ms) / 1000:.1f} s {'behind' if skew_ms > 0 else 'ahead of'} the exchange's"
    if abs(skew_ms) < LARGEST_SKEW_MS:
        return Result("clock", is_ok=True, said=said)
    return Result("clock", is_ok=False, said=f"{said}; set this machine's clock by a time server")


def _credentials(client: RestClient) -> Result:
    """A signed read. That this one is not allowed says that the key itself is known."""
    try:
        client.balances()
    except PermissionDenied:
        pass
    except ConfigurationError as error:
        return Result("credentials", is_ok=False, said=str(error))
    except JexkitError as error:
        return Result("credentials", is_ok=False, said=with_advice(error))
    return Result("credentials", is_ok=True, said="accepted")


def _permissions(client: RestClient) -> Result:
    """Everything that a recovery reads. What the configuration rules out (JEX without symbols) cannot be tried."""
    reads = {"open orders": client.open_orders, "balances": client.balances, "positions": client.positions}
    said = [_read(name, read) for name, read in reads.items()]
    return Result("permissions", is_ok=all(is_ok for is_ok, _ in said), said="; ".join(text for _, text in said))


def _read(name: str, read: Callable[[], object]) -> tuple[bool, str]:
    try:
        read()
    except ConfigurationError as error:
        return True, f"{name} not tried ({error})"
    except JexkitError as error:
        return False, f"{name} cannot be read: {with_advice(error)}"
    return True, f"{name} can be read"


def _stream(name: str, account: Account) -> Iterator[Result]:
    with StreamManager() as manager:
        stream = manager.add(account, name)
        opened = _tried("stream opens", lambda: "live", lambda: stream.wait_live(LIVE_WITHIN))
        yield opened
        if opened.is_ok:
            yield _proof(stream)
        else:
            yield from _skipped("proof of life")


def _proof(stream: Stream) -> Result:
    proof = stream.status().last_proof
    if proof is None:
        return Result("proof of life", is_ok=False, said="the exchange has not answered on the stream")
    return Result("proof of life", is_ok=True, said=f"at {proof:%H:%M:%S} UTC")
