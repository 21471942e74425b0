"""Place an order, and wait until it is filled: the iterator is opened first, so that nothing is missed."""

import os

import requests

from jexkit import Deribit, Fill, OrderUpdate, StreamManager

account = Deribit(client_id=os.environ["DERIBIT_CLIENT_ID"], client_secret=os.environ["DERIBIT_CLIENT_SECRET"])


def buy(amount):
    """Your own way of trading; jexkit only watches."""
    answer = requests.get(
        f"{account.rest_url}/api/v2/private/buy",
        params={"instrument_name": "BTC-PERPETUAL", "amount": amount, "type": "market"},
        auth=(account.client_id, account.client_secret),
        timeout=10,
    )
    return answer.json()["result"]["order"]["order_id"]


with StreamManager() as manager:
    stream = manager.add(account)
    stream.wait_live(timeout=60)
    with stream.events(OrderUpdate, Fill, timeout=30) as events:
        left = 10
        order_id = buy(left)
        while left:
            event = next(events)
            if event.order_id == order_id and isinstance(event, Fill):
                left -= event.quantity
                print("filled", event.quantity, "@", event.price)
            elif event.order_id == order_id:
                print("the order is", event.status)
