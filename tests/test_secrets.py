"""No secret gets out: all four streams and REST clients at work and in trouble, and everything that they write read."""

from __future__ import annotations

import functools
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jexkit import (
    Event,
    JexkitError,
    Live,
    OrderUpdate,
    RestClient,
    SqliteJournal,
    Stream,
    StreamEnded,
    StreamManager,
    Suspended,
    Unknown,
)
from jexkit.engine.consumers import Retries
from jexkit.testing import simulated
from jexkit.testing.conformance import SUBJECTS, Subject
from tests import leaks
from tests.engine.servers import Proxy, Server

WAIT = 30.0
PROXY_PASSWORD = "pr0xy-passw0rd-0123"
SIGNATURE_FIELDS = ("signature=", '"signature"', "sig=")


class Everything(logging.Handler):
    """Keeps each record as text: the message, its arguments, and the traceback."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.texts: list[str] = []
        self._formatter = logging.Formatter("%(name)s %(threadName)s %(message)s")

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("asyncio"):
            self.texts += [self._formatter.format(record), repr(record.args), record.exc_text or ""]


@pytest.fixture
def log() -> Iterator[Everything]:
    """Everything that anybody logs, at every level."""
    root, handler = logging.getLogger(), Everything()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture
def proxy() -> Iterator[str]:
    """A proxy with a password in its address."""
    server = Server(Proxy(("user", PROXY_PASSWORD)).http)
    yield f"http://user:{PROXY_PASSWORD}@127.0.0.1:{server.port}"
    server.stop()


class Seen:
    """What was shown to the program, and the secrets that must not be in it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.secrets: set[str] = {PROXY_PASSWORD}
        self._lock = threading.Lock()

    def show(self, *things: object) -> None:
        with self._lock:
            for thing in things:
                self.texts += [repr(thing), str(thing)]
                if isinstance(thing, Event):
                    self.texts.append(str(thing.to_dict()))

    def found_in(self, texts: list[str]) -> list[str]:
        return [
            f"{secret[:4]}... in {text[max(0, text.index(secret) - 150) :][:300]}"
            for text in texts
            for secret in self.secrets
            if len(secret) > 7 and secret in text
        ]


@pytest.fixture
def seen() -> Seen:
    return Seen()


def watch_wire(venue: Any, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn listen keys, tokens and signatures from what goes over the wire."""
    admit = venue.admit
    received = venue.received

    async def admitted(call: Any) -> Any:
        seen.secrets.update(value for name, value in call.params.items() if _is_secret(name))
        seen.secrets.update(value.rpartition(" ")[2] for name, value in call.headers.items() if "auth" in name.lower())
        if call.is_socket:
            seen.secrets.add(call.path.rpartition("/")[2])
        return await admit(call)

    async def heard(connection: Any, text: str) -> None:
        from jexkit.core import exact

        frame = exact.decode(text)
        params = frame.get("params") if isinstance(frame, dict) else None
        if isinstance(params, dict):
            seen.secrets.update(str(value) for name, value in params.items() if _is_secret(name))
        await received(connection, text)

    monkeypatch.setattr(venue, "admit", admitted)
    monkeypatch.setattr(venue, "received", heard)


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in ("signature", "secret", "token", "listenkey"))


def attempt(seen: Seen, action: Callable[[], object]) -> None:
    """Do it, and show what came of it or went wrong."""
    try:
        seen.show(action())
    except JexkitError as error:
        seen.show(error, error.args, error.__cause__, vars(error))


def bad_callback(event: Event) -> None:
    raise ValueError(f"a fault of the program, which had {PROXY_PASSWORD} at hand")


def live_in_trouble(stream: Stream, simulated_account: Any, subject: Subject, seen: Seen) -> None:
    """A day of a stream with everything in it."""
    stream.on(OrderUpdate, bad_callback)
    stream.on(Event, seen.show)
    stream.wait_live(WAIT)
    subject.trade(simulated_account)
    for name, arguments in subject.commands.items():
        stream.wait_live(WAIT)
        attempt(seen, lambda name=name, arguments=arguments: getattr(stream.session, name)(**arguments))
    stream.wait_live(WAIT)
    with stream.events(Live, timeout=WAIT) as lives:
        simulated_account.venue.drop(simulated_account, close_frame=False)
        next(lives)
    simulated_account.venue.loop.call(lambda: _push_rubbish(simulated_account.venue, _long(seen.secrets)))
    stream.wait_live(WAIT)
    seen.show(stream, stream.status(), stream.status().to_dict(), stream.error, stream.session)
    seen.show(stream.orders, stream.balances, stream.positions)


def _long(secrets: set[str]) -> list[str]:
    """Those that the exchange itself gives out or knows, and could tell again: listen keys, tokens, API keys."""
    return [secret for secret in secrets if re.fullmatch(r"[\w+/.=-]{40,}", secret)]


def _push_rubbish(venue: Any, secrets: list[str]) -> None:
    for connection in list(venue.open_connections.values()):
        for secret in secrets:
            connection.send(json.dumps({"e": "no such event", "note": f"of {secret}", "listenKey": secret}))
        connection.send('{"e": "no such event", "listenKey": "nobody knows"}')
        connection.send("{rubbish")


def _written(folder: Path) -> list[str]:
    """The bytes of every file of the journal, as they are at the moment."""
    return [path.read_bytes().decode("latin-1") for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_nothing_secret_is_shown_logged_or_kept(
    subject: Subject,
    simulator: Any,
    proxy: str,
    log: Everything,
    seen: Seen,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Keys, listen keys, tokens, signatures and the proxy's password.

    In no log record, repr, event or error, and in no byte of the journal, dead letters with their tracebacks included.
    """
    monkeypatch.setattr("jexkit.engine.consumers.Retries", functools.partial(Retries, attempts=1))
    venue = simulator.venues[subject.exchange]
    watch_wire(venue, seen, monkeypatch)
    account = venue.account("main")
    good = simulated.account(account, proxy=proxy, **subject.settings)
    wrong = simulated.account(account, proxy=proxy, **{**subject.settings, **subject.wrong})
    seen.secrets.update((*good.secrets, *wrong.secrets))
    journal = SqliteJournal(tmp_path / "jexkit.db")
    manager = StreamManager(journal=journal, on_error=lambda event, callback, error: seen.show(event))
    manager.on(Suspended, seen.show)
    with manager:
        stream = manager.add(good, "good")
        lost = manager.add(wrong, "wrong")
        live_in_trouble(stream, account, subject, seen)
        attempt(seen, lambda: lost.wait_live(WAIT))
        seen.show(manager, manager.status(), lost, lost.error, lost.status())
        kept = _written(tmp_path)
    kept += _written(tmp_path)
    seen.show(journal, journal.status(), *journal.read(), *journal.dead_letters())
    for each in (good, wrong):
        with RestClient(each) as client:
            for read in (client.balances, client.positions, client.open_orders, client.clock_skew_ms):
                attempt(seen, read)
            attempt(seen, lambda client=client: client.order("1", symbol="BTCUSDT", market="UM"))
            for name, arguments in subject.commands.items():
                attempt(seen, lambda name=name, arguments=arguments: getattr(client, name)(**arguments))
            seen.show(client, each)
    keys = _results(seen)
    assert min(len(log.texts), len(seen.texts)) > 100
    assert len(seen.secrets) > 4
    assert journal.status().dead_letters > 0
    assert "Fill" in "".join(kept)
    assert seen.found_in(kept) == []
    assert seen.found_in(log.texts) == []
    assert seen.found_in([text for text in seen.texts if text not in keys]) == []
    assert [text for text in log.texts if any(field in text for field in SIGNATURE_FIELDS)] == []


def _results(seen: Seen) -> set[str]:
    """What ``create_listen_key`` returned: the one secret that is handed to the program because it asked for it."""
    return {form for secret in seen.secrets for form in (secret, repr(secret))}


def test_the_scan_finds_what_is_there(log: Everything, seen: Seen) -> None:
    """A secret in a message, an argument, a traceback or an event is found."""
    seen.secrets = {"s3cr3t-0123"}
    logging.getLogger("x").debug("a s3cr3t-0123 in a message")
    logging.getLogger("x").debug("in %s", {"argument": "s3cr3t-0123"})
    try:
        int("s3cr3t-0123")
    except ValueError:
        logging.getLogger("x").exception("a fault")
    seen.show(ValueError("s3cr3t-0123"))
    assert len(seen.found_in(log.texts)) >= 4
    assert len(seen.found_in(seen.texts)) == 2


# --- the watch on the whole run -----------------------------------------------------------------------------------


def test_the_whole_run_is_watched(pytestconfig: pytest.Config) -> None:
    """Every test of this run, with a watch that sees what this one logs."""
    watch = pytestconfig.pluginmanager.get_plugin("leaks")
    logging.getLogger("jexkit.engine.reader").debug("words of this test")
    logging.getLogger("urllib3.connectionpool").debug("words of this test")
    assert sum("words of this test" in text for text in list(watch._texts)) == 2


SECRET = "S3cr3t-that-nobody-may-see-0123456789"


@pytest.mark.parametrize("first", ["learned", "written"])
def test_the_watch_finds_what_is_there(tmp_path: Path, first: str) -> None:
    """In a record, an error's text, a repr and a journal, whichever comes first, the secret or what holds it."""
    watch = leaks.Watch()
    if first == "learned":
        watch.learn(SECRET)
    watch.emit(logging.makeLogRecord({"msg": "in %s", "args": ({"an argument": SECRET},)}))
    watch.scan(f"an error about {SECRET}")
    watch.scan_reprs([StreamEnded(SECRET)])
    if first == "written":
        watch.learn(SECRET)
    assert len(watch.found) == 3
    journal = SqliteJournal(tmp_path / "jexkit.db")
    journal.open()
    journal.append("x", [Unknown(exchange="x", account="x", id=SECRET, time_ms=1, received_ms=1)])
    watch.scan_journals(tmp_path)
    journal.close()
    assert len(watch.found) > 3


def test_the_watch_learns_what_goes_over_the_wire() -> None:
    """Listen keys in an address, signatures and tokens by their names; the rest is none."""
    watch = leaks.Watch()
    watch.learn_from_url(f"wss://host/ws/{'aB3dE5' * 10}")
    watch.learn_from_url("https://host/x?symbol=BTCUSDTBTCUSDT&signature=0123456789abcdef0123")
    watch.learn_from_text('{"params": {"access_token": "abcdef.ghijkl", "channels": ["user.orders.any.any"]}}')
    watch.learn("k" * 64, "short")
    assert watch._secrets == {"aB3dE5" * 10, "0123456789abcdef0123", "abcdef.ghijkl"}
