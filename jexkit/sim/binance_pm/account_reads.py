"""Balance, account and position snapshots over REST."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jexkit.sim.amounts import ZERO, fixed, plain
from jexkit.sim.binance_pm import parameters
from jexkit.sim.binance_pm.symbols import CM, MARGIN, UM
from jexkit.sim.books import Balance, Books, Position
from jexkit.sim.calls import Call
from jexkit.sim.instruments import Instrument
from jexkit.sim.settlement import unrealised

if TYPE_CHECKING:
    from jexkit.sim.binance_pm.account import BinanceAccount

Row = dict[str, Any]


def balances(account: BinanceAccount, call: Call) -> list[Row] | Row:
    """balance: one row per asset over all wallets; with `asset` a single object without `crossMarginAsset`."""
    books = account.books_for_rest()
    asset = call.params.get("asset")
    if asset:
        row = _balance(account, books, asset)
        row.pop("crossMarginAsset")
        return row
    return [_balance(account, books, name) for name in sorted({name for _, name in books.balances})]


def _balance(account: BinanceAccount, books: Books, asset: str) -> Row:
    margin, um, cm = (books.balances.get((wallet, asset), Balance(wallet, asset)) for wallet in (MARGIN, UM, CM))
    total = margin.total + um.total + cm.total
    return {
        "asset": asset,
        "totalWalletBalance": fixed(total, 8),
        "crossMarginAsset": fixed(margin.total, 8),
        "crossMarginBorrowed": fixed(margin.native.get("borrowed", ZERO), 8),
        "crossMarginFree": fixed(margin.free, 8),
        "crossMarginInterest": "0.00000000",
        "crossMarginLocked": fixed(margin.locked, 8),
        "umWalletBalance": fixed(um.total, 8),
        "umUnrealizedPNL": fixed(_unrealised(account, books, UM, asset), 8),
        "cmWalletBalance": fixed(cm.total, 8),
        "cmUnrealizedPNL": fixed(_unrealised(account, books, CM, asset), 8) if cm.total else "",
        "updateTime": max(margin.updated_ms, um.updated_ms, cm.updated_ms),
        "negativeBalance": "0",
    }


def _unrealised(account: BinanceAccount, books: Books, market: str, asset: str) -> Decimal:
    held = (one for one in books.positions.values() if one.instrument.market == market)
    return sum(
        (unrealised(one, account.venue.price(one.instrument)) for one in held if one.instrument.settle == asset), ZERO
    )


def summary(account: BinanceAccount) -> Row:
    """account: risk and equity. Numbers that the exchange cannot tell are empty texts."""
    equity = fixed(account.venue.equity(account), 8)
    return {
        "uniMMR": fixed(account.uni_mmr, 8),
        "accountEquity": equity,
        "actualEquity": equity,
        "accountInitialMargin": "23.72469206",
        "accountMaintMargin": "15.11708371",
        "accountStatus": account.status,
        "virtualMaxWithdrawAmount": equity,
        "totalAvailableBalance": "",
        "totalMarginOpenLoss": "",
        "updateTime": account.venue.clock.now_ms(),
    }


def futures_account(account: BinanceAccount, market: str, *, version: int = 1) -> Row:
    """um/account and cm/account; version 2 is shorter and may leave out symbols without position or order."""
    books = account.books_for_rest()
    assets = [_asset(account, books, one) for one in books.balances.values() if one.wallet == market]
    positions = []
    for instrument in account.venue.listing.of(market):
        rows = _rows(account, books, instrument)
        busy = any(one.quantity for one in rows) or any(one.instrument == instrument for one in books.open.values())
        if version == 1 or busy or not account.venue.rules.v2_account_is_sparse:
            positions += [_account_position(account, books, one, version) for one in rows]
    return {"assets": assets, "positions": positions}


def _asset(account: BinanceAccount, books: Books, balance: Balance) -> Row:
    return {
        "asset": balance.asset,
        "crossWalletBalance": fixed(balance.total, 8),
        "crossUnPnl": fixed(_unrealised(account, books, balance.wallet, balance.asset), 8),
        "maintMargin": "0.00000000",
        "initialMargin": "0.00000000",
        "positionInitialMargin": "0.00000000",
        "openOrderInitialMargin": "0.00000000",
        "updateTime": balance.updated_ms,
    }


def _rows(account: BinanceAccount, books: Books, instrument: Instrument) -> list[Position]:
    sides = ("LONG", "SHORT") if account.dual_side else ("BOTH",)
    key = instrument.market, instrument.symbol
    return [books.positions.get((*key, side), Position(instrument, side)) for side in sides]


def _account_position(account: BinanceAccount, books: Books, position: Position, version: int) -> Row:
    instrument, price = position.instrument, account.venue.price(position.instrument)
    row: Row = {
        "symbol": instrument.symbol,
        "initialMargin": "0",
        "maintMargin": "0",
        "unrealizedProfit": fixed(unrealised(position, price), 8),
        "positionSide": position.side,
        "positionAmt": plain(position.quantity),
        "updateTime": position.updated_ms,
    }
    if version != 1:
        return {**row, "notional": fixed(instrument.notional(position.quantity, price), 8)}
    row.update(
        positionInitialMargin="0",
        openOrderInitialMargin="0",
        leverage=str(_leverage(books, instrument)),
        entryPrice=fixed(position.entry_price, 5),
    )
    if instrument.market == CM:
        return {**row, "maxQty": "50"}
    return {**row, "maxNotional": "250000", "bidNotional": "0", "askNotional": "0"}


def _leverage(books: Books, instrument: Instrument) -> int:
    return books.leverage.get((instrument.market, instrument.symbol), 20)


def position_risk(account: BinanceAccount, call: Call, market: str) -> list[Row]:
    """positionRisk: one-way mode answers BOTH rows only, hedge mode LONG and SHORT."""
    wanted: Iterable[Instrument] = account.venue.listing.of(market)
    if market == UM and call.params.get("symbol"):
        wanted = [parameters.instrument(call, account.venue.listing, market)]
    pair, asset = call.params.get("pair"), call.params.get("marginAsset")
    if market == CM:
        wanted = [one for one in wanted if pair in (None, one.symbol.partition("_")[0]) and asset in (None, one.settle)]
    books = account.books_for_rest()
    return [_risk(account, books, row) for one in wanted for row in _rows(account, books, one)]


def _risk(account: BinanceAccount, books: Books, position: Position) -> Row:
    instrument, price = position.instrument, account.venue.price(position.instrument)
    worth = fixed(instrument.notional(position.quantity, price), 8)
    row: Row = {
        "symbol": instrument.symbol,
        "positionAmt": plain(position.quantity),
        "entryPrice": fixed(position.entry_price, 8),
        "markPrice": fixed(price, 8),
        "unRealizedProfit": fixed(unrealised(position, price), 8),
        "liquidationPrice": "0",
        "leverage": str(_leverage(books, instrument)),
        "positionSide": position.side,
        "updateTime": position.updated_ms,
    }
    if instrument.market == CM:
        return {**row, "maxQty": "50", "notionalValue": worth}
    return {**row, "maxNotionalValue": "80000000", "notional": worth, "breakEvenPrice": plain(position.break_even)}
