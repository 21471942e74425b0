"""The admin in a real browser, headless Chromium: the pages render, with their style and without a script's error.

A dead letter is searched for and replayed by hand.

``SCREENSHOTS=folder python -m pytest -m web tests/contrib/django/test_browser.py`` leaves the pictures there.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.contrib import needs

needs.packages("django", "django")

from tests.cli.commands import WITHIN, Program
from tests.contrib.servers import end_children, eventually, free_port, read_json, wait_for_server

pytestmark = pytest.mark.web

SETUP = """
import django; django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from jexkit.contrib.django.journal import DjangoJournal
from jexkit.contrib.django.models import StreamState
from jexkit.testing.conformance.journal import fills, letter
call_command("migrate", verbosity=0)
User.objects.create_superuser("chief")
journal = DjangoJournal()
journal.open()
entries = journal.append("main", fills(1, 20))
journal.set_aside(letter(entries[6]))
journal.close()
row = {"exchange": "jex", "state": "live", "holder": "host:1", "reported": timezone.now(), "last_proof": timezone.now()}
StreamState.objects.create(name="main", **row)
"""
EXEC = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the site, with some rows in its database."""
    port = free_port()
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.contrib.django.looked_at",
        "SITE_DATABASE": str(tmp_path / "site.sqlite3"),
    }
    with Program("-c", SETUP, **variables) as setup:
        assert setup.wait() == 0, setup.complaints()
    with Program("-m", "django", "runserver", "--noreload", f"127.0.0.1:{port}", **variables):
        address = f"http://127.0.0.1:{port}"
        wait_for_server(port)
        yield address


class Browser:
    """One headless Chromium, driven by chromedriver as the standard for that (WebDriver) says."""

    def __init__(self, port: int, folder: Path) -> None:
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1300,900"]
        wanted = {
            "goog:chromeOptions": {"args": [*arguments, f"--user-data-dir={folder / 'profile'}"]},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        self._driver = f"http://127.0.0.1:{port}/session"
        session = self._ask("POST", "", capabilities={"alwaysMatch": wanted})["sessionId"]
        self._driver += f"/{session}"
        self._folder = Path(os.environ.get("SCREENSHOTS") or folder)

    def _ask(self, method: str, path: str, **content: Any) -> Any:
        body = content if method == "POST" else None
        with requests.request(method, f"{self._driver}{path}", json=body, timeout=WITHIN) as answer:
            found = answer.json()["value"]
        assert answer.ok, found["message"]
        return found

    def close(self) -> None:
        self._ask("DELETE", "")

    def open(self, address: str) -> None:
        """Returns when the page is loaded."""
        self._ask("POST", "/url", url=address)

    def do(self, selector: str, what: str, **content: Any) -> Any:
        """``click``, ``value`` (type a ``text``) on the one element that the selector finds."""
        found = self._ask("POST", "/elements", using="css selector", value=selector)
        assert len(found) == 1, f"{len(found)} of {selector}"
        (element,) = found[0].values()
        return self._ask("POST", f"/element/{element}/{what}", **content)

    def count(self, selector: str) -> int:
        return len(self._ask("POST", "/elements", using="css selector", value=selector))

    def text(self) -> str:
        """What can be read on the page, without what its style hides."""
        return str(self._ask("POST", "/execute/sync", script="return document.body.innerText", args=[]))

    def console(self) -> list[str]:
        """What the page's scripts, and the browser about it, have complained of since it was asked last."""
        said = [entry["message"] for entry in self._ask("POST", "/se/log", type="browser")]
        return [line for line in said if "/favicon.ico" not in line]  # which this site does not have

    def picture(self, name: str) -> None:
        (self._folder / f"{name}.png").write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    chromedriver = needs.program("chromedriver", "apt-get install chromium chromium-driver")
    port = free_port()
    with Program("-c", EXEC, chromedriver, f"--port={port}") as driver:
        try:
            wait_for_server(port)
            browser = Browser(port, tmp_path)
            yield browser
            browser.close()
        finally:
            end_children(driver)


def test_the_pages_in_a_browser(browser: Browser, site: str) -> None:
    """Events, dead letters with their traceback, streams: each with rows, and nothing on the console."""
    for path, wanted in {
        "journalevent/": "event:17",
        "journalevent/17/change/": '"quantity": ',
        "deadletter/": "book_it",
        "deadletter/1/change/": "Traceback: ...",
        "streamstate/": "host:1",
        "streamstate/main/change/": "host:1",
    }.items():
        browser.open(f"{site}/admin/jexkit/{path}")
        browser.picture(path.strip("/").replace("/", "-"))
        assert wanted in browser.text()
        assert browser.console() == []
    assert read_json(f"{site}/jexkit/health/")["healthy"] is True


def test_a_dead_letter_is_searched_for_and_replayed_by_hand(browser: Browser, site: str) -> None:
    """As somebody does who looks after the site: type, tick, choose, go."""
    browser.open(f"{site}/admin/jexkit/deadletter/?is_wanted__exact=0")
    browser.do("#searchbar", "value", text="no such order")
    browser.do("#changelist-search input[type=submit]", "click")
    assert browser.count("#result_list tbody tr") == 0
    browser.do("#searchbar", "clear")
    browser.do("#searchbar", "value", text="event:7")
    browser.do("#changelist-search input[type=submit]", "click")
    assert browser.count("#result_list tbody tr") == 1
    browser.do("#result_list tbody input.action-select", "click")
    browser.do("select[name=action] option[value=replay]", "click")
    browser.do("button[name=index]", "click")
    said = "1 to be delivered again by the process that holds the streams."
    eventually(lambda: said in browser.text(), "it is not said")
    browser.picture("deadletter-replayed")
    browser.open(f"{site}/admin/jexkit/deadletter/?is_wanted__exact=1")
    assert browser.count("#result_list tbody tr") == 1
    assert browser.console() == []
