"""The extension itself."""

from __future__ import annotations

import functools
import os
from typing import Any

from flask import Blueprint, Flask, current_app, jsonify

from jexkit.contrib.accounts import accounts
from jexkit.contrib.flask.commands import commands, reloader_is_to_come
from jexkit.contrib.flask.config import Site, read_config, site_of
from jexkit.contrib.flask.status_file import reports, write_down
from jexkit.contrib.handlers import Callback, Handlers
from jexkit.contrib.states import Reporter
from jexkit.core.lock import Lock
from jexkit.engine.file_lock import FileLock
from jexkit.errors import ConfigurationError, UsageError
from jexkit.journal.sqlite import SqliteJournal
from jexkit.manager import StreamManager


class JexKit:
    """The extension. One object may serve several apps: they share its handlers, and have their own streams."""

    def __init__(self, app: Flask | None = None) -> None:
        self.handlers = Handlers()
        self.on = self.handlers.on
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the app's config and add the commands. Starts nothing. Raises ConfigurationError."""
        if "jexkit" in app.extensions:
            raise ConfigurationError(f"app {app.name!r} has a JexKit already; make one, and init_app() it once")
        app.extensions["jexkit"] = read_config(app)
        app.cli.add_command(commands(self.make_manager))

    def make_manager(self, app: Flask, lock: Lock | None = None) -> StreamManager:
        """A manager with everything that the config and the handlers say, not started. Raises ConfigurationError.

        ``lock`` takes the place of the one that the config names.
        """
        site = site_of(app)
        for handler in self.handlers.strays(site.streams):
            raise ConfigurationError(
                f"the handler {handler} is for the stream {handler.stream!r}, which JEXKIT_STREAMS does not have; "
                f"use one of {', '.join(map(repr, site.streams))}, or leave out stream="
            )
        for path in filter(None, (site.journal, site.status)):
            path.parent.mkdir(parents=True, exist_ok=True)
        journal = None if site.journal is None else SqliteJournal(site.journal)
        manager = StreamManager(journal=journal, lock=lock or _lock_of(site), stop_timeout=site.stop_timeout)
        for name, account in accounts(site.streams, os.environ):
            manager.add(account, name)
        self.handlers.attach(manager, functools.partial(_in_context, app))
        return manager

    def start(self, app: Flask | None = None) -> StreamManager | None:
        """Hold the streams in this process, on threads of their own, until it ends.

        For a program of one process, or with ``JEXKIT_STANDBY``. Where the reloader of ``flask run`` is about to start
        another process for the app it starts nothing and returns None: that process will. Raises UsageError if this
        process or, without ``JEXKIT_STANDBY``, another one has started them already.
        """
        app = app or current_app._get_current_object()  # noqa: SLF001 - as Flask has it
        site = site_of(app)
        if reloader_is_to_come():
            return None
        if site.manager is not None:
            raise UsageError(f"the streams of app {app.name!r} were started in this process already")
        lock = _lock_of(site)
        manager = self.make_manager(app, lock)
        if not site.standby:
            _take(lock)
        try:
            manager.start()
        except BaseException:
            lock.release()
            raise
        site.manager = manager
        Reporter(manager, functools.partial(write_down, site.status)).start()
        return manager

    def health(self) -> Blueprint:
        """A blueprint with ``/health``: how the streams are, as JSON; 200 if all are live, else 503."""
        blueprint = Blueprint("jexkit", __name__)

        @blueprint.get("/health")
        def health() -> Any:
            site = site_of(current_app)
            found = reports(site.status, site.streams)
            is_healthy = all(report.is_healthy for report in found)
            streams = {report.name: report.to_dict() for report in found}
            return jsonify(healthy=is_healthy, streams=streams), 200 if is_healthy else 503

        return blueprint


def _in_context(app: Flask, callback: Callback) -> Callback:
    """The callback in a context of the app, whose teardown ends sessions of databases, as Flask-SQLAlchemy's."""

    @functools.wraps(callback)
    def run(event: Any) -> None:
        with app.app_context():
            callback(event)

    return run


def _lock_of(site: Site) -> FileLock:
    site.lock.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(site.lock)


def _take(lock: FileLock) -> None:
    """Have this process hold the lock from here on: its manager, which is given it, acquires it once more."""
    if not lock.acquire():
        raise UsageError(
            f"{lock.holder() or 'another process'} holds the streams of this app already; let one process hold them "
            "('flask jexkit run' beside the web workers), or set JEXKIT_STANDBY = True so that this one stands by"
        )
