"""The control site: JSON over HTTP on its own loopback port, for a simulator that runs in a process of its own.

- `GET /state`: addresses, credentials, counters, open connections
- `GET /ledger?exchange=binance_pm&account=main`: the truth log and the final state of one account
- `POST /accounts` `{"exchange": "...", "name": "..."}`: make an account; answers its credentials
- `POST /market/start` `{"rate": 5, "seed": 0, "account": "main"}`, `POST /market/stop`
- `POST /advance` `{"seconds": 3600}`: let exchange time pass
- `POST /rules` `{"exchange": "...", "listen_key_life": 15}`: change rules of one exchange
- `POST /drop` `{"exchange": "...", "account": "...", "close_frame": true}`: kick sockets
- `GET /faults`: the table of `jexkit.sim.faults`
- `POST /faults` `{"exchange": "...", "fault": "...", "at": 0, ...}`: begin a fault, at once or in so many seconds; the
  rest are its parameters
- `POST /faults/mend` `{"exchange": "..."}`: mend all faults of an exchange, or all
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web

from jexkit.sim.describe import account_state, describe, faults
from jexkit.sim.jsontext import decode, encode
from jexkit.sim.site import Site

if TYPE_CHECKING:
    from jexkit.sim.simulator import Simulator
    from jexkit.sim.venue import Venue

Order = Callable[[dict[str, Any]], Any]


class Control:
    """The site; started and stopped by the simulator."""

    def __init__(self, sim: Simulator, host: str) -> None:
        self._sim = sim
        self._host = host
        self._site = Site()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self._host}:{self._site.port}"

    async def start(self, port: int = 0) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/state", _answering(lambda _: describe(self._sim)))
        app.router.add_get("/ledger", _answering(self._ledger))
        app.router.add_post("/accounts", _answering(self._make_account))
        app.router.add_post("/market/start", _answering(self._start_market))
        app.router.add_post("/market/stop", _answering(self._stop_market))
        app.router.add_post("/advance", _answering(self._advance))
        app.router.add_post("/rules", _answering(self._set_rules))
        app.router.add_post("/drop", _answering(self._drop))
        app.router.add_get("/faults", _answering(lambda _: faults()))
        app.router.add_post("/faults", _answering(self._break))
        app.router.add_post("/faults/mend", _answering(self._mend))
        await self._site.start(app, self._host, port)

    async def stop(self) -> None:
        """Stop listening."""
        await self._site.stop()

    def _venue(self, asked: dict[str, Any]) -> Venue[Any]:
        name = asked.get("exchange")
        if name not in self._sim.venues:
            raise ValueError(f"exchange must be one of {', '.join(self._sim.venues)}, not {name!r}.")
        return self._sim.venues[name]

    def _ledger(self, asked: dict[str, Any]) -> Any:
        venue, name = self._venue(asked), asked.get("account", "main")
        if name not in venue.accounts:
            raise ValueError(f"{venue.exchange} has no account {name!r}; POST /accounts makes one.")
        return account_state(venue.accounts[name])

    def _make_account(self, asked: dict[str, Any]) -> Any:
        return self._venue(asked).account(str(asked.get("name", "main"))).credentials()

    def _start_market(self, asked: dict[str, Any]) -> Any:
        self._sim.start_market(
            seed=asked.get("seed"), rate=float(asked.get("rate", 5)), accounts=str(asked.get("account", "main"))
        )
        return {"running": True}

    def _stop_market(self, _asked: dict[str, Any]) -> Any:
        self._sim.stop_market()
        return {"running": False}

    async def _advance(self, asked: dict[str, Any]) -> Any:
        await self._sim.pass_time(float(asked["seconds"]))
        return {}

    def _set_rules(self, asked: dict[str, Any]) -> Any:
        rules = self._venue(asked).rules
        wanted = {name: value for name, value in asked.items() if name != "exchange"}
        known = {field.name for field in dataclasses.fields(rules)}
        if not wanted.keys() <= known:
            raise ValueError(f"no rules {sorted(wanted.keys() - known)} here; known are {sorted(known)}.")
        for name, value in wanted.items():
            is_amount = isinstance(getattr(rules, name), Decimal)
            setattr(rules, name, float(value) if isinstance(value, Decimal) and not is_amount else value)
        return wanted

    def _drop(self, asked: dict[str, Any]) -> Any:
        dropped = self._venue(asked).drop(asked.get("account"), bool(asked.get("close_frame", True)))
        return {"dropped": dropped}

    def _break(self, asked: dict[str, Any]) -> Any:
        exchange, fault = self._venue(asked).exchange, str(asked.get("fault"))
        beside = {"exchange", "fault", "at"}
        given = {
            name: float(value) if isinstance(value, Decimal) else value
            for name, value in asked.items()
            if name not in beside
        }
        if "at" in asked:
            self._sim.schedule([(float(asked["at"]), exchange, fault, given)])
            return {"planned": 1}
        return {"lasts": self._sim.break_(exchange, fault, **given).lasts}

    def _mend(self, asked: dict[str, Any]) -> Any:
        return {"mended": self._sim.mend(self._venue(asked).exchange if "exchange" in asked else None)}


def _answering(order: Order) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Turn a function of the asked parameters into a request handler; nonsense becomes 400."""

    async def handle(request: web.Request) -> web.Response:
        try:
            said = order({**request.query, **dict(decode(await request.read() or b"{}"))})
            said = await said if inspect.isawaitable(said) else said
        except (ValueError, KeyError, TypeError) as error:
            return web.json_response(text=encode({"error": str(error)}), status=400)
        return web.json_response(text=encode(said))

    return handle
