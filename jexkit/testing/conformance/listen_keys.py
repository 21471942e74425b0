"""The healthy counterpart of streams on listen keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from jexkit.testing.conformance.subject import Healthy
from jexkit.testing.conversation import Table, json_reply

LISTEN_KEY = "ListenKeyThatNobodyMaySee" + "0123456789" * 4
WRONG_KEY = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}


class HealthyListenKeys(Healthy):
    """Gives out one listen key and renews it."""

    path: ClassVar[str]
    clock_path: ClassVar[str]
    reads: ClassVar[Table] = {}

    def table(self) -> Table:
        return {
            ("POST", self.path): {"listenKey": LISTEN_KEY},
            ("PUT", self.path): {},
            ("DELETE", self.path): {},
            ("GET", self.clock_path): self.time,
            **self.reads,
        }

    def hears(self, frame: Any) -> Iterable[Any]:
        raise AssertionError(f"nothing is ever sent on this stream, but this was: {frame}")

    def deny(self) -> None:
        for method in ("POST", "PUT", "DELETE"):
            self.answers.set(method, self.path, json_reply(WRONG_KEY, 401))


COMMANDS: dict[str, dict[str, Any]] = {
    "create_listen_key": {},
    "keepalive_listen_key": {"listen_key": ""},
    "close_listen_key": {"listen_key": ""},
}
CHORES = {"keepalives": (48, 61), "pings_sent": (1400, 2900)}
