"""A running simulator as plain data: addresses, credentials, counters, ledgers, and a configuration to paste."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jexkit.sim.faults import FAULTS

if TYPE_CHECKING:
    from jexkit.sim.ledger import Account
    from jexkit.sim.simulator import Simulator
    from jexkit.sim.venue import Venue


def describe(sim: Simulator) -> dict[str, Any]:
    """Everything that another process needs to know. JSON-ready; `toml` is a configuration for `jexkit listen`."""
    return sim.loop.call(
        lambda: {
            "control_url": sim.control.url,
            "seed": sim.seed,
            "speed": str(sim.clock.speed),
            "market": sim.market is not None,
            "exchanges": {name: _venue_state(venue) for name, venue in sim.venues.items()},
            "toml": toml(sim),
        }
    )


def account_state(account: Account) -> dict[str, Any]:
    """The truth log and the final state of one account, as plain data."""
    return account.loop.call(
        lambda: {
            "exchange": account.venue.exchange,
            "account": account.name,
            "told": list(account.told),
            "open_orders": account.open_orders(),
            "orders": account.orders(),
            "fills": account.fills,
            "balances": account.balances(),
            "positions": account.positions(),
            "counters": account.counters.as_dict(),
        }
    )


def faults() -> dict[str, Any]:
    """The table of faults, JSON-ready."""
    return {
        fault.name: {
            "about": fault.about,
            "exchanges": fault.exchanges,
            "parameters": {one.name: {"default": _plain(one.default), "about": one.about} for one in fault.takes},
        }
        for fault in FAULTS.values()
    }


def _plain(value: bool | float | str) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value


def toml(sim: Simulator) -> str:
    """A configuration for `jexkit listen`: one table per account. An account `main` is called like its exchange."""
    tables = [_table(venue, account) for venue in sim.venues.values() for account in (venue.accounts.values())]
    return "\n".join(tables)


def _venue_state(venue: Venue[Any]) -> dict[str, Any]:
    return {
        "rest_url": venue.rest_url,
        "ws_url": venue.ws_url,
        "connections": venue.connections(),
        "counters": venue.counters.as_dict(),
        "accounts": {name: account.credentials() for name, account in venue.accounts.items()},
    }


def _table(venue: Venue[Any], account: Account) -> str:
    short = venue.exchange.partition("_")[0]
    name = short if account.name == "main" else f"{short}-{account.name}"
    settings: dict[str, Any] = {
        "exchange": venue.exchange,
        **account.credentials(),
        **account.extra_settings(),
        "rest_url": venue.rest_url,
        "ws_url": venue.ws_url,
    }
    lines = [f"[accounts.{name}]", *(f"{key} = {_toml_value(value)}" for key, value in settings.items())]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
