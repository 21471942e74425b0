"""Called with the events of the streams, in the one process that runs ``manage.py jexkit run``."""

from jexkit import Fill
from jexkit.contrib.django import on
from shop.models import Trade


@on(Fill, stream="main")
def book(fill):
    Trade.objects.create(event_id=fill.id, symbol=fill.symbol, side=fill.side, quantity=fill.quantity, price=fill.price)
