"""The system checks: each mistake a sentence with a hint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contrib import needs

needs.packages("django", "django")

from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connections
from django.test import override_settings

from jexkit import Fill
from jexkit.contrib import django as ours
from jexkit.contrib.accounts import BadSetting
from jexkit.contrib.django import conf
from jexkit.contrib.handlers import Handlers
from tests.contrib.django.shop import streams

pytestmark = pytest.mark.web

MAIN = {"exchange": "deribit", "client_id": "id", "client_secret": "a-secret-of-tests"}


def messages(**settings: Any) -> list[checks.CheckMessage]:
    with override_settings(**settings):
        return checks.run_checks(tags=["jexkit"])


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Handlers]:
    """A list of handlers of the test's own."""
    own = Handlers()
    monkeypatch.setattr("jexkit.contrib.django.checks.HANDLERS", own)
    return own


def test_a_site_that_is_right() -> None:
    """Nothing to say, and the handlers of its apps are found."""
    assert messages() == []
    assert streams.see in [handler.callback for handler in ours.HANDLERS]


def test_a_database_that_cannot_hold_a_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything runs, on MySQL and others, which hold the lock and the states all the same."""
    monkeypatch.setattr(connections["default"], "vendor", "mysql")
    (found,) = messages(JEXKIT={"STREAMS": {"main": MAIN}})
    assert found.id == "jexkit.E003"
    assert found.msg.startswith("JEXKIT['JOURNAL'] is 'database', and the database 'default' (mysql) cannot hold one")
    assert found.hint == "Give JEXKIT['JOURNAL'] the path of a file of its own instead."
    for journal in ("jexkit.db", None):
        assert messages(JEXKIT={"STREAMS": {"main": MAIN}, "JOURNAL": journal}) == []
    assert messages(JEXKIT={"STREAMS": {"main": MAIN}, "DATABASE": "postgres"}) == []


def test_the_checks_are_among_djangos_own() -> None:
    """``manage.py check`` makes them."""
    with override_settings(JEXKIT={}), pytest.raises(SystemCheckError) as caught:
        call_command("check")
    assert "JEXKIT['STREAMS']: names no stream" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said", "hint"),
    [
        (None, "JEXKIT: is missing.", "Write for example JEXKIT = {"),
        ([], "JEXKIT: is no dict.", "Write for example JEXKIT = {"),
        ({"STREAMS": {}}, "JEXKIT['STREAMS']: names no stream.", "Make it a dict such as"),
        ({"STREAM": {"main": MAIN}}, "JEXKIT['STREAM']: is no setting of jexkit.", "Did you mean 'STREAMS'?"),
        ({"STREAMS": {"main": {**MAIN, "exchange": "bitmax"}}}, "['exchange']: there is no exchange 'bitmax'", None),
        ({"STREAMS": {"main": {**MAIN, "idd": 1}}}, "['main']['idd']: is no setting of this exchange.", "It has "),
        ({"JOURNAL": 5}, "JEXKIT['JOURNAL']: is 5.", "Use 'database', the path of a file, or None."),
        ({"LOCK": ""}, "JEXKIT['LOCK']: is ''.", "Use 'database', the path of a file, or None."),
        ({"DATABASE": "prices"}, "JEXKIT['DATABASE']: is 'prices'.", "Use the name of a database: 'default', "),
        ({"ATOMIC": "prices"}, "JEXKIT['ATOMIC']: is 'prices'.", "Use True, False or the name of a database: "),
        ({"STOP_TIMEOUT": "soon"}, "JEXKIT['STOP_TIMEOUT']: is 'soon'.", "Give seconds, above 0 and up to 600."),
    ],
)
def test_a_mistake_is_an_error_with_a_hint(given: Any, said: str, hint: str | None) -> None:
    """It names the setting, and what to do."""
    if isinstance(given, dict) and not {"STREAMS", "STREAM"} & given.keys():
        given = {"STREAMS": {"main": MAIN}, **given}
    found = messages(JEXKIT=given)
    (message,) = [one for one in found if said in one.msg]
    assert (message.id, message.level) == ("jexkit.E001", checks.ERROR)
    assert hint is None or message.hint.startswith(hint)


def test_a_variable_that_is_not_set_is_a_warning() -> None:
    """The machine that migrates or serves pages needs no credentials."""
    entry = {"exchange": "deribit", "client_id": "id", "client_secret_env": "NOT_SET_ANYWHERE"}
    (message,) = messages(JEXKIT={"STREAMS": {"main": entry}})
    assert (message.id, message.level) == ("jexkit.W001", checks.WARNING)
    assert "the environment variable NOT_SET_ANYWHERE is not set" in message.msg
    assert message.hint == "Set it where the streams run."


def test_a_handler_for_no_stream_is_an_error(handlers: Handlers) -> None:
    """It would never be called, and nobody would know why."""

    @handlers.on(Fill, stream="mian")
    def book(fill: Fill) -> None:
        """Never called."""

    (message,) = messages()
    assert (message.id, message.obj) == ("jexkit.E002", book)
    assert "is for the stream 'mian', which JEXKIT['STREAMS'] does not have" in message.msg
    assert message.hint == "Use one of 'main', or leave out stream= to get the events of all."


def test_reading_refuses_what_the_checks_refuse() -> None:
    """Whoever skips the checks still gets the sentence."""
    with override_settings(JEXKIT={"STREAM": {}}), pytest.raises(BadSetting, match="did you mean 'STREAMS'"):
        conf.read()


def test_what_is_read() -> None:
    """The defaults, and what is given."""
    assert (conf.read().atomic, conf.read().stop_timeout) == (None, 10.0)
    with override_settings(JEXKIT={**settings.JEXKIT, "ATOMIC": True, "STOP_TIMEOUT": 3}):
        assert (conf.read().atomic, conf.read().stop_timeout) == ("default", 3.0)
