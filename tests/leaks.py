"""Watches the whole test run for secrets in what is written: log records, exceptions, reprs, and the bytes of journals.

A plugin, loaded by conftest.py. What is secret is learned where it is used: the accounts' own, and listen keys, tokens
and signatures on their way to the wire. What is scanned is everything that jexkit and the libraries below it log, at
all levels; the text of each error of jexkit's that is made; the repr of what the machines tell and want done; and,
after each test, the bytes of its journals. A test in which anything of that holds a secret fails.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections import deque
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from jexkit.accounts import Account
from jexkit.core import exact
from jexkit.engine.conductor import Conductor
from jexkit.engine.http import HttpClient
from jexkit.engine.transport import Transport
from jexkit.errors import JexkitError

LOGGERS = ("jexkit", "urllib3", "requests", "apscheduler", "websocket")
LEAST_LENGTH, LEAST_LETTERS = 12, 6  # of a secret: "k" * 64 in a test is none that could be told from other text
SECRET_NAMES = ("signature", "secret", "token", "listenkey", "password")
KEPT = 2_000  # texts that are scanned again when a secret is learned
REPRS_AT_MOST = 500  # of one test
JOURNALS = ("*.db", "*.db-*", "*.sqlite3", "*.sqlite3-*")
LARGEST = 50_000_000  # bytes of a journal that is read


class Watch(logging.Handler):
    """One run's."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self._guard = threading.RLock()  # guards everything below
        self._secrets: set[str] = set()
        self._texts: deque[str] = deque(maxlen=KEPT)
        self._reprs = 0
        self.found: list[str] = []
        self.scanned = 0
        os.register_at_fork(after_in_child=self._begin_in_a_child)

    def _begin_in_a_child(self) -> None:
        """Another thread may have held the guard at the fork."""
        self._guard = threading.RLock()

    # --- what is secret ---------------------------------------------------------------------------------------------

    def learn(self, *secrets: object) -> None:
        fresh = {str(secret) for secret in secrets if secret and len(str(secret)) >= LEAST_LENGTH}
        with self._guard:
            fresh = {secret for secret in fresh if len(set(secret)) >= LEAST_LETTERS} - self._secrets
            self._secrets |= fresh
            for text in self._texts if fresh else ():
                self._look(text, fresh)

    def learn_from_url(self, url: str) -> None:
        parts = urlsplit(url)
        self.learn(*(value for name, value in parse_qsl(parts.query) if _is_secret(name)))
        if parts.scheme.startswith("ws"):
            self.learn(*(part for part in parts.path.split("/") if len(part) >= 40))  # a listen key

    def learn_from_text(self, text: str | bytes) -> None:
        try:
            message = exact.decode(text)
        except (ValueError, JexkitError):
            return
        params = message.get("params") if isinstance(message, dict) else None
        if isinstance(params, dict):
            self.learn(*(value for name, value in params.items() if _is_secret(name)))

    # --- what is written --------------------------------------------------------------------------------------------

    def emit(self, record: logging.LogRecord) -> None:
        self.scan(f"{record.getMessage()} {record.args} {record.exc_text or ''}")

    def scan(self, text: str) -> None:
        with self._guard:
            self.scanned += 1
            self._texts.append(text)
            self._look(text, self._secrets)

    def scan_reprs(self, things: Any) -> None:
        for thing in things:
            with self._guard:
                self._reprs += 1
                if self._reprs > REPRS_AT_MOST:
                    return
            self.scan(repr(thing))

    def scan_journals(self, folder: Path) -> None:
        for path in [found for pattern in JOURNALS for found in folder.rglob(pattern)]:
            if path.is_file() and path.stat().st_size <= LARGEST:
                content = path.read_bytes()
                with self._guard:
                    self.scanned += 1
                    self.found += [
                        f"{secret[:4]}... in {path}" for secret in self._secrets if secret.encode() in content
                    ]

    def _look(self, text: str, secrets: set[str]) -> None:
        self.found += [f"{secret[:4]}... in {text[:300]}" for secret in secrets if secret in text]

    # --- the tests --------------------------------------------------------------------------------------------------

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        shown: Any = session.config.pluginmanager.get_plugin("logging-plugin")
        for handler in (shown.caplog_handler, shown.report_handler, shown.log_file_handler):
            # What a test does not ask for it is not shown; and a fork in the midst of a write to the last of these
            # would hang the child, whose copy of the file stays locked.
            handler.setLevel(logging.WARNING)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, None, None]:
        del item
        with self._guard:
            self._secrets.clear()
            self._texts.clear()
            self.found.clear()
            self._reprs = 0
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        yield
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        if folder is not None:
            self.scan_journals(folder)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, None]:
        outcome = yield
        with self._guard:
            found = list(dict.fromkeys(self.found))
        if found and item.get_closest_marker("writes_secrets") is None and outcome.excinfo is None:
            outcome.force_exception(
                pytest.fail.Exception("secrets were written:\n" + "\n".join(found[:5]), pytrace=False)
            )


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in SECRET_NAMES)


def begin() -> Watch:
    """Put the watch on everything."""
    watch = Watch()
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
        logging.getLogger(name).addHandler(watch)
    _spy(HttpClient, "__init__", lambda client, account: watch.learn(*account.secrets))
    _spy(HttpClient, "send", lambda client, request: _learn_from_request(watch, request))
    _spy(Transport, "__init__", lambda transport, account, url, headers: _learn_from_handshake(watch, account, url))
    _spy(Transport, "send", lambda transport, text: watch.learn_from_text(text))
    _spy(Conductor, "_carry_out_all", lambda conductor, events, orders, **_: watch.scan_reprs([*events, *orders]))
    _spy(JexkitError, "__init__", lambda error, *arguments, **more: watch.scan(f"{arguments} {more}"))
    return watch


def _spy(owner: type, name: str, look: Any) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def spied(*arguments: Any, **named: Any) -> Any:
        look(*arguments, **named)
        return original(*arguments, **named)

    setattr(owner, name, spied)


def _learn_from_request(watch: Watch, request: Any) -> None:
    watch.learn_from_url(request.url)
    watch.learn(*(value for name, value in request.headers.items() if name.lower() in ("signature", "x-mbx-apikey")))
    watch.learn(*(value.split()[-1] for name, value in request.headers.items() if name.lower() == "authorization"))
    for name, value in parse_qsl((request.body or b"").decode("utf-8", "replace")):
        if _is_secret(name):
            watch.learn(value)


def _learn_from_handshake(watch: Watch, account: Account, url: str) -> None:
    watch.learn(*account.secrets)
    watch.learn_from_url(url)
