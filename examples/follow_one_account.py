"""Follow one account: print its fills, and stop trading while the stream is away. Ctrl-C ends it."""

import os

import jexkit
from jexkit import Deribit, Fill, StreamManager

manager = StreamManager()
stream = manager.add(
    Deribit(
        client_id=os.environ["DERIBIT_CLIENT_ID"],
        client_secret=os.environ["DERIBIT_CLIENT_SECRET"],
        currencies=["BTC", "ETH"],
    )
)


@stream.on(Fill)
def book_it(fill):
    print(fill.symbol, fill.side, fill.quantity, "@", fill.price)


@manager.on(jexkit.Suspended)  # on every stream
def pause_trading(event):
    print(event.stream, event.reason)


manager.run()  # blocks until Ctrl-C or SIGTERM, then stops cleanly
