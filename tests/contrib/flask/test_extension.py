"""The extension: its config, its handlers in the app's context, and its refusal to hold the streams twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.contrib import needs

needs.packages("flask", "flask", "flask_sqlalchemy")

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.pool import QueuePool

from jexkit import Fill, OrderUpdate, State, StreamManager
from jexkit.contrib.flask import JexKit
from jexkit.engine.file_lock import FileLock
from jexkit.errors import ConfigurationError, UsageError
from jexkit.sim import Simulator
from tests.contrib.servers import eventually

pytestmark = pytest.mark.web

WAIT = 30.0
Start = Callable[..., StreamManager]
MAIN = {"exchange": "deribit", "client_id": "id", "client_secret": "a-secret-of-tests"}


def app_of(folder: Path, sim: Simulator | None = None, **config: Any) -> Flask:
    folder.mkdir(exist_ok=True)
    app = Flask("site", instance_path=str(folder))
    entry: dict[str, Any] = dict(MAIN)
    if sim is not None:
        account = sim.deribit.account("main")
        entry |= {"rest_url": sim.deribit.rest_url, "ws_url": sim.deribit.ws_url, **account.credentials()}
    app.config.update({"JEXKIT_STREAMS": {"main": entry}, **config})
    return app


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the streams of an app, and stops them after the test."""
    with ExitStack() as running:

        def started(jexkit: JexKit, *app: Flask) -> StreamManager:
            manager = jexkit.start(*app)
            assert manager is not None
            running.callback(manager.stop)
            return manager

        yield started


def trade(sim: Simulator) -> None:
    account = sim.deribit.account("main")
    account.fill(account.place("BTC-PERPETUAL", "BUY", "10", "50000"))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"JEXKIT_STREAMS": None}, "JEXKIT_STREAMS: names no stream; make it a dict such as"),
        ({"JEXKIT_STREAM": {}}, "JEXKIT_STREAM: is no key of jexkit; did you mean JEXKIT_STREAMS?"),
        ({"JEXKIT_COLOUR": 1}, "JEXKIT_COLOUR: is no key of jexkit; there are JEXKIT_STREAMS, "),
        ({"JEXKIT_STREAMS": {"main": {**MAIN, "exchange": "x"}}}, "['exchange']: there is no exchange 'x'"),
        ({"JEXKIT_STANDBY": "yes"}, "JEXKIT_STANDBY: is 'yes'; use True or False"),
        ({"JEXKIT_STOP_TIMEOUT": "soon"}, "JEXKIT_STOP_TIMEOUT is 'soon'"),
        ({"JEXKIT_LOCK": None}, "JEXKIT_LOCK: is None; give the path of a file"),
        ({"JEXKIT_JOURNAL": 5}, "JEXKIT_JOURNAL: is 5; give the path of a file"),
    ],
)
def test_a_mistake_in_the_config_is_said_at_once(tmp_path: Path, config: dict[str, Any], said: str) -> None:
    """When the app is made, by the name of the key."""
    with pytest.raises(ConfigurationError) as caught:
        JexKit(app_of(tmp_path, **config))
    assert said in str(caught.value)


def test_a_variable_that_is_not_set_is_no_matter_for_a_web_worker(tmp_path: Path) -> None:
    """Only the process that holds the streams has the credentials."""
    entry = {"exchange": "deribit", "client_id": "id", "client_secret_env": "NOT_SET_ANYWHERE"}
    app = app_of(tmp_path, JEXKIT_STREAMS={"main": entry})
    jexkit = JexKit(app)
    with pytest.raises(ConfigurationError, match="the environment variable NOT_SET_ANYWHERE is not set"):
        jexkit.start(app)


def test_a_handler_for_no_stream_is_refused(tmp_path: Path) -> None:
    """Before anything is opened."""
    app = app_of(tmp_path)
    jexkit = JexKit(app)
    jexkit.on(Fill, stream="mian")(lambda fill: None)
    with pytest.raises(ConfigurationError, match="is for the stream 'mian', which JEXKIT_STREAMS does not have"):
        jexkit.start(app)


def test_making_the_app_starts_nothing(tmp_path: Path, sim: Simulator) -> None:
    """No connection, and no file in the instance folder."""
    JexKit(app_of(tmp_path, sim))
    assert sim.deribit.counters.as_dict() == {}
    assert list(tmp_path.iterdir()) == []


def test_handlers_run_in_a_context_of_the_app(tmp_path: Path, sim: Simulator, start: Start) -> None:
    """A new one for each event, torn down after it, whether or not the handler raised."""
    app = app_of(tmp_path, sim)
    seen: list[str] = []
    jexkit = JexKit(app)
    app.teardown_appcontext(lambda error: seen.append(f"torn down after {error!r}"))

    @jexkit.on(OrderUpdate, stream="main")
    def look(order: OrderUpdate) -> None:
        seen.append(current_app.name)
        if len(seen) > 2:
            raise LookupError

    start(jexkit, app).streams["main"].wait_live(WAIT)
    trade(sim)
    eventually(lambda: len(seen) >= 4, f"only {seen}")
    assert seen[:4] == ["site", "torn down after None", "site", "torn down after LookupError()"]


def test_sessions_of_flask_sqlalchemy_are_removed(tmp_path: Path, sim: Simulator, start: Start) -> None:
    """No handler sees what another one left uncommitted, and no connection stays checked out."""
    options = {"poolclass": QueuePool}  # which SQLAlchemy 1.4 would not have for SQLite
    app = app_of(tmp_path, sim, SQLALCHEMY_DATABASE_URI="sqlite:///site.db", SQLALCHEMY_ENGINE_OPTIONS=options)
    database, jexkit = SQLAlchemy(app), JexKit(app)
    found: list[int] = []

    @jexkit.on(OrderUpdate)
    def leave_open(order: OrderUpdate) -> None:
        found.append(len(list(database.session.identity_map)))
        database.session.execute(database.text("SELECT 1"))
        found.append(database.engine.pool.checkedout())

    start(jexkit, app).streams["main"].wait_live(WAIT)
    trade(sim)
    eventually(lambda: len(found) >= 4, f"only {found}")
    assert found[:4] == [0, 1, 0, 1]
    with app.app_context():
        eventually(lambda: database.engine.pool.checkedout() == 0, "a connection is never given back")


def test_starting_twice_is_refused(tmp_path: Path, sim: Simulator, start: Start) -> None:
    """In one process, with a sentence."""
    app = app_of(tmp_path, sim)
    jexkit = JexKit(app)
    with app.app_context():
        start(jexkit)
    with pytest.raises(UsageError, match="of app 'site' were started in this process already"):
        jexkit.start(app)


def test_starting_beside_a_holder_is_refused(tmp_path: Path, sim: Simulator) -> None:
    """The sentence says what to do; with JEXKIT_STANDBY it stands by instead."""
    holder = FileLock(tmp_path / "jexkit.lock")
    assert holder.acquire()
    app = app_of(tmp_path, sim)
    with pytest.raises(UsageError, match=r"holds the streams of this app already; .* or set JEXKIT_STANDBY = True"):
        JexKit(app).start(app)
    app = app_of(tmp_path, sim, JEXKIT_STANDBY=True)
    manager = JexKit(app).start(app)
    assert manager is not None
    eventually(lambda: manager.status()["main"].state is State.STANDBY, "it does not stand by")
    assert sim.deribit.counters["sockets_opened"] == 0
    holder.release()
    manager.streams["main"].wait_live(WAIT)
    manager.stop()


def test_of_two_that_start_at_the_same_time_one_is_refused(
    tmp_path: Path, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is held from the question on, and not only when the manager's thread comes to it."""
    monkeypatch.setattr("jexkit.engine.tenure.Tenure._try", lambda tenure: None)  # never comes to it
    first, second = app_of(tmp_path, sim), app_of(tmp_path, sim)
    manager = JexKit(first).start(first)
    assert manager is not None
    with pytest.raises(UsageError, match="holds the streams of this app already"):
        JexKit(second).start(second)
    manager.stop()
    assert FileLock(tmp_path / "jexkit.lock").acquire()


def test_a_start_that_fails_leaves_the_lock_to_others(
    tmp_path: Path, sim: Simulator, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    """And the app can be started again."""

    def fail(manager: StreamManager) -> None:
        raise UsageError("of the test")

    app = app_of(tmp_path, sim)
    jexkit = JexKit(app)
    monkeypatch.setattr(StreamManager, "start", fail)
    with pytest.raises(UsageError, match="of the test"):
        jexkit.start(app)
    monkeypatch.undo()
    start(jexkit, app).streams["main"].wait_live(WAIT)


def test_several_apps_in_one_process(tmp_path: Path, sim: Simulator, start: Start) -> None:
    """They share the extension's handlers, and each event is handled in the context of its own app."""
    jexkit, seen = JexKit(), []
    jexkit.on(OrderUpdate)(lambda order: seen.append(current_app.config["WHO"]))
    for name in ("first", "second"):
        app = app_of(tmp_path / name, sim, WHO=name)
        jexkit.init_app(app)
        start(jexkit, app).streams["main"].wait_live(WAIT)
    account = sim.deribit.account("main")
    account.place("BTC-PERPETUAL", "BUY", "10", "50000")
    eventually(lambda: sorted(seen) == ["first", "second"], f"only {seen}")


def test_one_app_has_one_jexkit(tmp_path: Path) -> None:
    """A second one would start a second stream."""
    app = app_of(tmp_path)
    JexKit(app)
    with pytest.raises(ConfigurationError, match="has a JexKit already"):
        JexKit(app)


def test_an_app_without_it(tmp_path: Path) -> None:
    """The sentence names what was forgotten."""
    with pytest.raises(UsageError, match="call JexKit\\(app\\) or init_app\\(app\\) first"):
        JexKit().start(app_of(tmp_path))


def health(app: Flask) -> tuple[int, dict[str, Any]]:
    answer = app.test_client().get("/jexkit/health")
    return answer.status_code, answer.get_json()


def test_health(tmp_path: Path, sim: Simulator, start: Start) -> None:
    """503 before anybody holds the streams, 200 while they are live, 503 when the last word is too old."""
    app = app_of(tmp_path, sim)
    jexkit = JexKit(app)
    app.register_blueprint(jexkit.health(), url_prefix="/jexkit")
    status, said = health(app)
    assert (status, said["streams"]["main"]["trouble"]) == (503, "no process has ever held it; run: flask jexkit run")
    manager = start(jexkit, app)
    eventually(lambda: health(app)[0] == 200, "it is never healthy")
    manager.stop()
    written = tmp_path / "jexkit.json"
    told = json.loads(written.read_text("utf-8"))
    told["reported"] = (datetime.now(timezone.utc) - timedelta(minutes=5)).isoformat()
    (tmp_path / "old.json").write_text(json.dumps(told), "utf-8")
    old = app_of(tmp_path, sim, JEXKIT_STATUS="old.json")
    old.register_blueprint(JexKit(old).health(), url_prefix="/jexkit")
    status, said = health(old)
    assert status == 503
    assert said["streams"]["main"]["trouble"].startswith("no report for 300 seconds; is 'flask jexkit run' up?")
