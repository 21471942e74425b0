"""One REST request as it came, and the answer to it. No exchange's rules in here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from jexkit.sim.jsontext import decode, encode


@dataclass(frozen=True)
class Call:
    """A request: `query` and `body` are the bytes as received, which is what signatures are verified over."""

    method: str
    path: str
    query: str
    body: bytes
    headers: Mapping[str, str]  # case-insensitive
    remote: str
    in_path: Mapping[str, str] = field(default_factory=dict)  # what the `{name}` parts of the route matched
    is_socket: bool = False

    @cached_property
    def params(self) -> dict[str, str]:
        """Parameters of the query and of a form body; the query wins where both name one."""
        params = dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)) if self.is_form else {}
        params.update(parse_qsl(self.query, keep_blank_values=True))
        return params

    @property
    def is_form(self) -> bool:
        """True unless the body is JSON."""
        return "json" not in self.headers.get("Content-Type", "")

    def json(self) -> Any:
        """The body as JSON, `None` if empty. Raises ValueError."""
        return decode(self.body) if self.body else None


@dataclass
class Answer:
    """What goes back. `text` wins over `data`; `abort` cuts the connection without any answer."""

    data: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    content_type: str = "application/json"
    abort: bool = False

    def body(self) -> str:
        """The text to send."""
        return encode(self.data) if self.text is None else self.text


class Refused(Exception):
    """Raised by a handler to answer with something else than its result."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body())
        self.answer = answer


Handler: TypeAlias = Callable[[Call], "Answer | Awaitable[Answer]"]


class Routes:
    """Method and path -> handler. A path may have `{name}` parts, which arrive in `Call.in_path`."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str], Handler] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Handler]] = []

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Serve `method path` with `handler`."""
        if "{" not in path:
            self._exact[method, path] = handler
            return
        parts = re.split(r"{(\w+)}", path)  # text and names take turns
        pattern = "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        self._patterns.append((method, re.compile(pattern), handler))

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
        """The handler and what its path parts matched, or None."""
        handler = self._exact.get((method, path))
        if handler is not None:
            return handler, {}
        for served, pattern, candidate in self._patterns:
            matched = pattern.fullmatch(path) if served == method else None
            if matched:
                return candidate, matched.groupdict()
        return None
