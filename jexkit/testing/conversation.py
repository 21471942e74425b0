"""What an exchange answers over HTTP, as a table: for running a dialect's conversations without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import attrs

from jexkit.core import exact
from jexkit.core.dialect import Dialect
from jexkit.core.values import Ask, Flow, HttpReply, HttpRequest
from jexkit.errors import JexkitError

T = TypeVar("T")

Table: TypeAlias = Mapping[tuple[str, str], Any]
"""Answers by method and path: ``{("POST", "/papi/v1/listenKey"): {"listenKey": "..."}}``; ``/orders/*`` is any order.

An answer is what the JSON body decodes to, or a whole ``HttpReply``, or an error to raise in place of an answer, or a
function of the request that returns one of these, or a ``Script`` of several.
"""


@attrs.define
class Answers:
    """A table and what was asked of it."""

    table: dict[tuple[str, str], Any]
    requests: list[HttpRequest] = attrs.field(factory=list)

    def set(self, method: str, path: str, answer: Any) -> None:
        """Answer this question in this way from now on."""
        self.table[method, path] = answer

    def asked(self, method: str, path: str) -> int:
        """How often a question was asked."""
        return sum((each.method, urlsplit(each.url).path) == (method, path) for each in self.requests)

    def give(self, request: HttpRequest) -> HttpReply:
        """The answer to a request. Raises what the table has as an error; AssertionError for a question not in it."""
        self.requests.append(request)
        answer = self._find(request.method, urlsplit(request.url).path)
        if isinstance(answer, Script):
            answer = answer.next()
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, JexkitError):
            raise answer
        return answer if isinstance(answer, HttpReply) else json_reply(answer)

    def _find(self, method: str, path: str) -> Any:
        folder = f"{path.rpartition('/')[0]}/*"
        for question in ((method, path), (method, folder)):
            if question in self.table:
                return self.table[question]
        raise AssertionError(f"the table has no answer to {method} {path}; it has {sorted(self.table)}")


class Script:
    """Answers that are given one after the other, the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def next(self) -> Any:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def json_reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpReply:
    """An answer with a JSON body; header names in lower case."""
    return HttpReply(status, {"content-type": "application/json", **(headers or {})}, exact.encode(body).encode())


def hold(flow: Flow[T], dialect: Dialect, answers: Answers, wall_ms: Callable[[], int]) -> T:
    """Hold a conversation to its end against ``answers``, as the engine does against the exchange. Raises JexkitError.

    ``wall_ms`` reads the clock with which requests are signed.
    """
    try:
        ask = next(flow)
        while True:
            ask = _go_on(flow, ask, dialect, answers, wall_ms)
    except StopIteration as end:
        result: T = end.value
        return result


def _go_on(flow: Flow[Any], ask: Ask, dialect: Dialect, answers: Answers, wall_ms: Callable[[], int]) -> Ask:
    try:
        reply = answers.give(dialect.prepare(ask, wall_ms()))
        answer = dialect.read(ask, reply, wall_ms())
    except JexkitError as error:
        return flow.throw(error)
    return flow.send(answer)
