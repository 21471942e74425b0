"""Follow several accounts with the same callbacks, and say what each of them holds once all are live."""

import os

from jexkit import BinancePortfolioMargin, Event, Gap, Lost, OrderUpdate, Poloniex, StreamManager

manager = StreamManager()
manager.add(
    BinancePortfolioMargin(api_key=os.environ["BINANCE_API_KEY"], secret_key=os.environ["BINANCE_SECRET_KEY"]),
    name="futures",
)
manager.add(
    Poloniex(api_key=os.environ["POLONIEX_API_KEY"], secret_key=os.environ["POLONIEX_SECRET_KEY"]),
    name="spot",
)


@manager.on(OrderUpdate)
def show(order):
    print(order.stream, order.symbol, order.status, f"{order.filled_quantity}/{order.quantity}")


def complain(event: Event):
    print(event.stream, "cannot be believed:", event)


for kind in (Lost, Gap):
    manager.on(kind, complain)

with manager:  # started here, stopped at the end
    for stream in manager.streams.values():
        stream.wait_live(timeout=60)
        print(stream.name, "is live, with", len(stream.balances), "balances")
    manager.join(timeout=float(os.environ.get("SECONDS", "3600")))
