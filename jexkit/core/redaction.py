"""Keeping secrets out of what is shown and kept: an exchange's error text may quote a key, a message a listen key."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Any

HIDDEN = "***"

# Listen keys have 60 characters and more, API keys and hexadecimal signatures 64, base64 signatures 88 and more.
# No symbol, client order id (at most 36) or amount is as long as this.
_LONG = re.compile(r"[A-Za-z0-9+/_=-]{40,}")
_PATH = re.compile(r"(?<![A-Za-z0-9+/_=-])(/[^\s\"'<>|,;:/]+/[^\s\"'<>|,;:]*)")
_NAME = re.compile(r"[a-z_]*(_[a-z]+|-+|=+)")  # of a function, or a line drawn under a heading


def redact(text: str, secrets: Iterable[str] = (), *, is_ours: bool = False) -> str:
    """``text`` without ``secrets`` and without any unbroken run of 40 and more letters and digits.

    With ``is_ours``, for text of our own making such as a traceback, paths stay if none of their parts is such a run,
    and names in small letters, however long. In a stranger's, a signature may look like a path.
    """
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    if not is_ours:
        return _LONG.sub(HIDDEN, text)
    parts = _PATH.split(text)  # every second one is a path
    parts[::2] = [_LONG.sub(_unless_a_name, part) for part in parts[::2]]
    parts[1::2] = ["/".join(_LONG.sub(_unless_a_name, name) for name in path.split("/")) for path in parts[1::2]]
    return "".join(parts)


def _unless_a_name(run: re.Match[str]) -> str:
    return run[0] if _NAME.fullmatch(run[0]) else HIDDEN


def without(message: Any, names: Container[str]) -> Any:
    """``message`` itself, or a copy that lacks the members of ``names`` if it is an object that has any."""
    if isinstance(message, dict) and any(name in names for name in message):
        return {name: value for name, value in message.items() if name not in names}
    return message
