"""Hooks that go away by themselves, or when a fault is mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from jexkit.sim.calls import Answer, Call
from jexkit.sim.connection import Connection, Frame
from jexkit.sim.hooks import CallHook, FrameHook, Planned

Mend: TypeAlias = Callable[[], None]


def remover(hooks: list[Any], hook: object) -> Mend:
    """Take a hook out; twice does no harm."""

    def mend() -> None:
        if hook in hooks:
            hooks.remove(hook)

    return mend


def until_used(hooks: list[FrameHook], change: Callable[[Connection, Frame], list[Planned] | None], times: int) -> Mend:
    """Change the next so many frames that `change` has an answer for; zero for every one until mended."""
    used = 0

    def hook(connection: Connection, frame: Frame) -> list[Planned]:
        nonlocal used
        planned = change(connection, frame)
        if planned is None:
            return [(0.0, frame)]
        used += 1
        if used == times:
            mend()
        return planned

    hooks.append(hook)
    mend = remover(hooks, hook)
    return mend


def answer_next(hooks: list[CallHook], answer: Callable[[Call], Answer | None], times: int) -> Mend:
    """Answer the next so many requests that `answer` has something for; zero for every one until mended."""
    used = 0

    async def hook(call: Call) -> Answer | None:
        nonlocal used
        found = answer(call)
        if found is not None:
            used += 1
            if used == times:
                mend()
        return found

    hooks.append(hook)
    mend = remover(hooks, hook)
    return mend
