"""Places in a venue where something can be put between it and its clients: any number of hooks each, in order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from jexkit.sim.calls import Answer, Call
from jexkit.sim.connection import Connection, Frame

Planned: TypeAlias = "tuple[float, Frame]"
"""A frame, and by how many exchange seconds it is late."""
FrameHook: TypeAlias = Callable[[Connection, Frame], Iterable[Planned]]
HearHook: TypeAlias = Callable[[Connection, str], bool]
"""What a client said on a websocket; True when the hook has dealt with it."""
CallHook: TypeAlias = Callable[[Call], Awaitable["Answer | None"]]
AnswerHook: TypeAlias = Callable[[Call, Answer], Awaitable[Answer]]


@dataclass
class Hooks:
    """What every frame, request and answer of a venue passes. Everything runs on the simulator's loop."""

    frames: list[FrameHook] = field(default_factory=list)
    heard: list[HearHook] = field(default_factory=list)
    calls: list[CallHook] = field(default_factory=list)
    answers: list[AnswerHook] = field(default_factory=list)
    pong_delay: float = 0.0  # exchange seconds by which the answers to ping frames are late

    def frames_for(self, connection: Connection, planned: Iterable[Planned]) -> list[Planned]:
        """What becomes of some frames: each hook may drop, multiply, change or delay what came through the last."""
        current = list(planned)
        for hook in list(self.frames):
            current = [
                (delay + later, made) for delay, frame in current for later, made in list(hook(connection, frame))
            ]
        return current

    def takes(self, connection: Connection, text: str) -> bool:
        """Whether a hook has dealt with what the client said: the exchange then never hears of it."""
        return any(hook(connection, text) for hook in list(self.heard))

    async def answer_to(self, call: Call) -> Answer | None:
        """The answer of the first hook that has one: the request is then not carried out."""
        for hook in list(self.calls):
            answer = await hook(call)
            if answer is not None:
                return answer
        return None

    async def answer_instead(self, call: Call, answer: Answer) -> Answer:
        """What goes back after the request was carried out."""
        for hook in list(self.answers):
            answer = await hook(call, answer)
        return answer
