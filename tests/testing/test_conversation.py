"""Conversations over HTTP from a table."""

from __future__ import annotations

import pytest

from jexkit.core.values import HttpReply
from jexkit.errors import AuthenticationError, ListenKeyUnknown, TransportError
from jexkit.exchanges.jex.rest import Rest
from jexkit.testing.conformance import JEX
from jexkit.testing.conversation import Answers, Script, hold, json_reply

PATH = "/api/v1/userDataStream"


@pytest.fixture
def rest() -> Rest:
    return Rest(JEX.account(), "main")


def test_a_conversation_gets_its_answers(rest: Rest) -> None:
    answers = Answers({("POST", PATH): {"listenKey": "key"}})
    assert hold(rest.create_listen_key(), rest, answers, lambda: 1) == "key"
    assert answers.asked("POST", PATH) == 1
    assert answers.requests[0].headers["X-JEX-APIKEY"] == JEX.account().api_key


def test_a_refusal_is_what_the_dialect_makes_of_it(rest: Rest) -> None:
    refusal = json_reply({"code": -1125, "msg": "This listenKey does not exist."}, 400)
    with pytest.raises(ListenKeyUnknown):
        hold(rest.keepalive_listen_key("key"), rest, Answers({("PUT", PATH): refusal}), lambda: 1)


def test_an_error_stands_for_a_broken_network(rest: Rest) -> None:
    answers = Answers({("POST", PATH): TransportError("no network")})
    with pytest.raises(TransportError, match="no network"):
        hold(rest.create_listen_key(), rest, answers, lambda: 1)


def test_a_script_answers_one_after_the_other(rest: Rest) -> None:
    """The last answer for ever; functions of the request among them."""
    script = Script(AuthenticationError("no"), lambda request: {"listenKey": request.method}, {"listenKey": "last"})
    answers = Answers({("POST", PATH): script})
    with pytest.raises(AuthenticationError):
        hold(rest.create_listen_key(), rest, answers, lambda: 1)
    keys = [hold(rest.create_listen_key(), rest, answers, lambda: 1) for _ in range(3)]
    assert keys == ["POST", "last", "last"]


def test_a_question_that_is_not_in_the_table_is_a_mistake_of_the_test(rest: Rest) -> None:
    with pytest.raises(AssertionError, match="no answer to POST"):
        hold(rest.create_listen_key(), rest, Answers({}), lambda: 1)


def test_answers_can_be_changed(rest: Rest) -> None:
    answers = Answers({})
    answers.set("POST", PATH, HttpReply(200, {}, b'{"listenKey": "raw"}'))
    assert hold(rest.create_listen_key(), rest, answers, lambda: 1) == "raw"
