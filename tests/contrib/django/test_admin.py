"""The admin pages, through Django's own client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contrib import needs

needs.packages("django", "django")

from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from jexkit.contrib.django.journal import DjangoJournal
from jexkit.contrib.django.models import StreamState
from jexkit.testing.conformance.journal import fills, letter

pytestmark = pytest.mark.web


@pytest.fixture
def journal(sqlite: str) -> Iterator[DjangoJournal]:
    """Twenty fills, of which the handler failed on one."""
    journal = DjangoJournal()
    journal.open()
    entries = journal.append("main", fills(1, 20))
    journal.set_aside(letter(entries[6]))
    StreamState.objects.create(
        name="main", exchange="jex", state="live", holder="host:1", reported=timezone.now(), status={"queued": 0}
    )
    yield journal
    journal.close()
    call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def browser(journal: DjangoJournal) -> Client:
    User.objects.create_superuser("chief", password="of-the-tests")
    client = Client()
    client.login(username="chief", password="of-the-tests")
    return client


def page(browser: Client, path: str) -> str:
    answer = browser.get(f"/admin/jexkit/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_events_are_listed_and_searched(browser: Client) -> None:
    """By their id and by whatever is in them, an order's number for example."""
    assert page(browser, "journalevent/").count('class="field-event_id"') == 20
    assert page(browser, "journalevent/?q=event:17").count('class="field-event_id"') == 1
    assert page(browser, "journalevent/?q=BTCUSDT").count('class="field-event_id"') == 20
    assert page(browser, "journalevent/?q=ETHUSDT").count('class="field-event_id"') == 0
    assert "&quot;symbol&quot;: &quot;BTCUSDT&quot;" in page(browser, "journalevent/7/change/")


def test_a_dead_letter_is_shown_with_its_traceback_and_replayed(browser: Client, journal: DjangoJournal) -> None:
    """The action marks it for the process that holds the streams."""
    (dead,) = journal.dead_letters()
    assert "Traceback: ..." in page(browser, f"deadletter/{dead.number}/change/")
    wanted = {"action": "replay", "_selected_action": [dead.number]}
    answer = browser.post("/admin/jexkit/deadletter/", wanted, follow=True)
    assert "1 to be delivered again by the process that holds the streams." in answer.content.decode()
    assert [letter.number for letter in journal.dead_letters(wanted=True)] == [dead.number]


def test_streams_are_shown(browser: Client) -> None:
    """Their state and their counters."""
    assert "live" in page(browser, "streamstate/")
    assert "&quot;queued&quot;: 0" in page(browser, "streamstate/main/change/")


@pytest.mark.parametrize("model", ["journalevent", "deadletter", "streamstate"])
def test_nothing_can_be_added_or_changed(browser: Client, model: str) -> None:
    """The rows belong to the process that holds the streams."""
    assert browser.get(f"/admin/jexkit/{model}/add/").status_code == 403
    assert 'name="_save"' not in page(browser, "journalevent/7/change/")
    assert browser.post("/admin/jexkit/journalevent/7/delete/").status_code == 403
