"""Read an account over REST, without a stream: what is open, what is there, what was traded in the last hour."""

import os
import time

from jexkit import ExchangeError, Poloniex, RateLimited, RestClient, TransportError

account = Poloniex(api_key=os.environ["POLONIEX_API_KEY"], secret_key=os.environ["POLONIEX_SECRET_KEY"])

try:
    with RestClient(account) as client:
        print("our clock is", -client.clock_skew_ms(), "ms ahead")
        for order in client.open_orders():
            print("open:", order.symbol, order.side, order.quantity, "@", order.price, order.status)
        for balance in client.balances():
            print("balance:", balance.asset, balance.free, "and", balance.locked, "in orders")
        hour_ago = int((time.time() - 3600) * 1000)
        for fill in client.fills(hour_ago, symbols=["BTC_USDT"]):
            print("fill:", fill.symbol, fill.side, fill.quantity, "@", fill.price)
except RateLimited as error:
    print(f"too many requests; try again in {error.retry_after:.0f} seconds")
except (ExchangeError, TransportError) as error:
    print(f"no answer to use: {error}")
