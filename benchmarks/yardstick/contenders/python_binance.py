"""python-binance: its portfolio-margin socket on asyncio, dictionaries. Its queue is made to hold everything."""

from __future__ import annotations

from binance import AsyncClient, BinanceSocketManager

from yardstick.contenders.looped import Looped


class PythonBinance(Looped):
    async def _listen(self) -> None:
        keys = self.place["accounts"]["main"]
        client = AsyncClient(keys["api_key"], keys["secret_key"])
        client.PAPI_URL = f"{self.place['rest_url']}/papi"
        manager = BinanceSocketManager(client, max_queue_size=1_000_000)
        manager.FSTREAM_URL = self.place["ws_url"].removesuffix("pm")
        try:
            async with manager.portfolio_margin_socket() as socket:
                self.ready()
                while True:
                    self.hear(await socket.recv())
        finally:
            await client.close_connection()
