"""ccxt with its websockets: three loops that watch orders, trades and the balance, and its own dictionaries.

A loop is woken once for however many messages have come, so each message is counted where ccxt has dealt with it.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import ccxt.pro

from yardstick.contenders.looped import Looped


class Ccxt(Looped):
    async def _listen(self) -> None:
        exchange = MAKERS[self.exchange](self.place)
        dealt_with = exchange.handle_message

        def handle_message(client: Any, message: Any) -> None:
            dealt_with(client, message)
            if self._is_counting and ("e" in message or "data" in message or "params" in message):
                self.hear(message)

        exchange.handle_message = handle_message
        self._is_counting = False
        loops: list[Any] = []
        try:
            await exchange.load_markets()
            watched = [exchange.watch_orders, exchange.watch_my_trades, exchange.watch_balance]
            loops = [asyncio.ensure_future(_watch(watch)) for watch in watched]
            await asyncio.sleep(2.0)
            self._is_counting = True
            self.ready()
            await asyncio.gather(*loops)
        finally:
            for loop in loops:
                loop.cancel()
            await exchange.close()


async def _watch(watch: Any) -> None:
    while True:
        await watch()


def _binance(place: Any) -> Any:
    options = {
        "portfolioMargin": True,
        "defaultType": "future",
        "fetchCurrencies": False,
        "fetchMargins": False,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
    }
    keys = place["accounts"]["main"]
    made = ccxt.pro.binance(
        {"apiKey": keys["api_key"], "secret": keys["secret_key"], "enableRateLimit": False, "options": options}
    )
    places = made.urls["api"]
    for name, url in list(places.items()):
        if isinstance(url, str):
            places[name] = place["rest_url"] + urlsplit(url).path
    places["ws"] = {"papi": f"{place['ws_url']}/ws"}
    return made


def _deribit(place: Any) -> Any:
    keys = place["accounts"]["main"]
    made = ccxt.pro.deribit({"apiKey": keys["client_id"], "secret": keys["client_secret"]})
    made.urls["api"] = {"rest": place["rest_url"], "ws": place["ws_url"]}
    return made


def _poloniex(place: Any) -> Any:
    keys, rest, private = place["accounts"]["main"], place["rest_url"], place["ws_url"]
    made = ccxt.pro.poloniex({"apiKey": keys["api_key"], "secret": keys["secret_key"], "enableRateLimit": False})
    sockets = {"private": private, "public": private.replace("private", "public")}
    made.urls["api"] = {"spot": rest, "swap": rest, "ws": sockets}
    return made


MAKERS = {"binance_pm": _binance, "deribit": _deribit, "poloniex": _poloniex}
