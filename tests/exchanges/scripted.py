"""A scripted exchange over HTTP: a flow is held with a dialect, and each request is answered from a list or a function.

The requests go through ``prepare`` and the answers through ``read``, as they do in the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import attrs

from jexkit.core import exact
from jexkit.core.dialect import Dialect
from jexkit.core.values import Ask, Flow, HttpReply
from jexkit.errors import JexkitError

T = TypeVar("T")
NOW_MS = 1_800_000_000_000


@attrs.frozen
class Asked:
    """One request, taken apart."""

    ask: Ask
    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


Answers = Callable[[Asked], Any]


def json_reply(content: Any, status: int = 200, **headers: str) -> HttpReply:
    return HttpReply(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, exact.encode(content).encode()
    )


def hold(dialect: Dialect, flow: Flow[T], answers: Answers | list[Any], wall_ms: int = NOW_MS) -> tuple[T, list[Asked]]:
    """The result of the flow, and what was asked. An answer is an HttpReply, or content that becomes one."""
    asked: list[Asked] = []
    queue = list(answers) if isinstance(answers, list) else []

    def answer(ask: Ask) -> Any:
        request = dialect.prepare(ask, wall_ms)
        parts = urlsplit(request.url)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        asked.append(Asked(ask, request.method, parts.path, params, request.headers))
        content = queue.pop(0) if isinstance(answers, list) else answers(asked[-1])
        return dialect.read(ask, content if isinstance(content, HttpReply) else json_reply(content), wall_ms)

    def go_on(ask: Ask) -> Ask:
        try:
            told = answer(ask)
        except JexkitError as error:
            return flow.throw(error)
        return flow.send(told)

    try:
        ask = next(flow)
        while True:
            ask = go_on(ask)
    except StopIteration as end:
        assert not queue, "not everything was asked for"
        return end.value, asked
