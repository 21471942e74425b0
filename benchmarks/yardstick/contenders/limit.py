"""The limit: socket reads, whole frames cut out of them, a typed decode with exact amounts, and a call. Nothing else.

What no library in Python can be faster than: no events, no repeats, no state, no thread, no answer to anything.
"""

# ruff: noqa: N815 - the exchanges' names
from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import msgspec
import websocket

from yardstick.contenders import Hear
from yardstick.contenders.raw import AGENT, address

READ = 1 << 16


class BinanceOrder(msgspec.Struct):
    s: str
    c: str
    S: str
    o: str
    f: str
    q: Decimal
    p: Decimal
    ap: Decimal
    sp: Decimal
    x: str
    X: str
    i: int
    l: Decimal  # noqa: E741 - the exchange's names
    z: Decimal
    L: Decimal
    n: Decimal
    N: str
    T: int
    t: int
    m: bool
    R: bool
    ps: str
    rp: Decimal


class BinanceBalance(msgspec.Struct):
    a: str
    wb: Decimal
    bc: Decimal


class BinancePosition(msgspec.Struct):
    s: str
    pa: Decimal
    ep: Decimal
    cr: Decimal
    up: Decimal
    ps: str
    bep: Decimal


class BinanceAccount(msgspec.Struct):
    m: str
    B: list[BinanceBalance]
    P: list[BinancePosition]


class Binance(msgspec.Struct):
    e: str
    E: int
    T: int
    fs: str
    o: BinanceOrder | None = None
    a: BinanceAccount | None = None


class DeribitOrder(msgspec.Struct):
    order_id: str
    order_state: str
    order_type: str
    instrument_name: str
    direction: str
    price: Decimal
    amount: Decimal
    filled_amount: Decimal
    average_price: Decimal
    time_in_force: str
    label: str
    creation_timestamp: int
    last_update_timestamp: int
    reduce_only: bool


class DeribitTrade(msgspec.Struct):
    trade_id: str
    order_id: str
    instrument_name: str
    direction: str
    amount: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: str
    profit_loss: Decimal
    timestamp: int


class DeribitPosition(msgspec.Struct):
    instrument_name: str
    direction: str
    size: Decimal
    average_price: Decimal
    mark_price: Decimal
    realized_profit_loss: Decimal
    floating_profit_loss: Decimal
    initial_margin: Decimal
    leverage: Decimal


class DeribitChanges(msgspec.Struct):
    orders: list[DeribitOrder]
    trades: list[DeribitTrade]
    positions: list[DeribitPosition]


class DeribitPortfolio(msgspec.Struct):
    currency: str
    balance: Decimal
    equity: Decimal
    available_funds: Decimal


class DeribitParams(msgspec.Struct):
    channel: str
    data: msgspec.Raw


class Deribit(msgspec.Struct):
    method: str
    params: DeribitParams


class PoloniexRow(msgspec.Struct):
    ts: int
    symbol: str = ""
    orderId: str = ""
    state: str = ""
    side: str = ""
    type: str = ""
    quantity: Decimal | None = None
    price: Decimal | None = None
    filledQuantity: Decimal | None = None
    filledAmount: Decimal | None = None
    tradeId: str = ""
    tradeQty: Decimal | None = None
    tradePrice: Decimal | None = None
    tradeAmount: Decimal | None = None
    tradeFee: Decimal | None = None
    feeCurrency: str = ""
    matchRole: str = ""
    createTime: int = 0
    currency: str = ""
    available: Decimal | None = None
    hold: Decimal | None = None
    id: int = 0


class Poloniex(msgspec.Struct):
    channel: str
    data: list[PoloniexRow]


class JexAsset(msgspec.Struct):
    a: str
    f: Decimal
    l: Decimal  # noqa: E741


class Jex(msgspec.Struct):
    e: str
    E: int
    s: str = ""
    S: str = ""
    X: str = ""
    i: int = 0
    q: Decimal | None = None
    p: Decimal | None = None
    z: Decimal | None = None
    Z: Decimal | None = None
    B: list[JexAsset] = []


def _deribit() -> Any:
    outer = msgspec.json.Decoder(Deribit)
    inner = {
        "user.orders.any.any.raw": msgspec.json.Decoder(DeribitOrder),
        "user.trades.any.any.raw": msgspec.json.Decoder(list[DeribitTrade]),
        "user.changes.any.any.raw": msgspec.json.Decoder(DeribitChanges),
        "user.portfolio.btc": msgspec.json.Decoder(DeribitPortfolio),
    }

    def decode(payload: bytes) -> Any:
        params = outer.decode(payload).params
        return inner[params.channel].decode(params.data)

    return decode


DECODERS: Mapping[str, Any] = {
    "binance_pm": lambda: msgspec.json.Decoder(Binance).decode,
    "deribit": _deribit,
    "poloniex": lambda: msgspec.json.Decoder(Poloniex).decode,
    "jex": lambda: msgspec.json.Decoder(Jex).decode,
}


class Limit:
    counts = "messages"

    def __init__(self, exchange: str, place: Mapping[str, Any], hear: Hear) -> None:
        self._exchange = exchange
        self._address = address(exchange, place)
        self._decode = DECODERS[exchange]()
        self._hear = hear
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._socket = _connected(self._address)
        self._thread.start()

    def _run(self) -> None:
        """Frames of 126 to 65535 bytes, and shorter ones: no exchange of the benchmark sends any other."""
        decode, hear, receive = self._decode, self._hear, self._socket.recv
        rest = b""
        while data := receive(READ):
            data = rest + data
            at, end = 0, len(data)
            while at + 4 <= end:
                size = data[at + 1]
                begin = at + 2
                if size == 126:
                    size = data[at + 2] << 8 | data[at + 3]
                    begin = at + 4
                if begin + size > end:
                    break
                at = begin + size
                hear(decode(data[begin:at]))
            rest = data[at:]

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def sent_at(self, heard: Any) -> int:
        if self._exchange == "deribit":
            return int(heard.order_id)
        if self._exchange == "binance_pm":
            return int(heard.o.i)
        return int(heard.data[0].orderId if self._exchange == "poloniex" else heard.i)


def _connected(url: str) -> socket.socket:
    """The plain socket under a websocket that has shaken hands."""
    made = websocket.create_connection(url, header={"User-Agent": AGENT}, http_no_proxy=["*"])
    assert urlsplit(url).scheme == "ws"
    sock: socket.socket = made.sock
    return sock
