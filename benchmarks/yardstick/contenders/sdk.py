"""Binance's official SDK of Portfolio Margin: its stream on asyncio, and its callback with models."""

from __future__ import annotations

import asyncio
from typing import Any

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_sdk_derivatives_trading_portfolio_margin.derivatives_trading_portfolio_margin import (
    DerivativesTradingPortfolioMargin,
)

from yardstick.contenders.looped import Looped


class Sdk(Looped):
    async def _listen(self) -> None:
        keys = self.place["accounts"]["main"]
        rest = ConfigurationRestAPI(
            api_key=keys["api_key"], api_secret=keys["secret_key"], base_path=self.place["rest_url"]
        )
        client = DerivativesTradingPortfolioMargin(rest, ConfigurationWebSocketStreams(stream_url=self.place["ws_url"]))
        key = (await asyncio.to_thread(client.rest_api.start_user_data_stream)).data().listen_key
        await client.websocket_streams.create_connection()
        try:
            stream = await client.websocket_streams.user_data(key)
            stream.on("message", self.hear)
            await asyncio.sleep(0.5)
            self.ready()
            await asyncio.Event().wait()
        finally:
            await client.websocket_streams.close_connection(close_session=True)

    def sent_at(self, heard: Any) -> int:
        told = heard.actual_instance
        return int(told["o"]["i"] if isinstance(told, dict) else told.o.i)
