"""The names are the exchange's own: one that was mistyped would stand in no recorded object."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.core import exact
from jexkit.core.exact import Shape
from jexkit.core.shapes import filled
from jexkit.exchanges.deribit import rows
from tests.wire import corpus, strategies

SEEN = {
    name
    for message in corpus.recorded("deribit")
    if message.event.startswith(("notification.", "rpc_response.private"))
    for row in strategies.objects(message.payload)
    for name in row
}
SHAPES = [rows.OrderRow, rows.TradeRow, rows.PositionRow, rows.Portfolio, rows.CHANGES, rows.Params]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_name_stands_in_a_recorded_object(shape: type[Shape]) -> None:
    assert set(shape.__struct_encode_fields__) - SEEN <= {"reject_reason", "cancel_reason"}


def test_changes_hold_rows() -> None:
    data: Any = corpus.the("deribit", "notification.user.changes.BTC-PERPETUAL.raw")["params"]["data"]
    changes = filled(rows.CHANGES, data)
    assert (len(changes.orders), len(changes.trades), len(changes.positions)) == (1, 1, 1)
    assert exact.decoder(rows.CHANGES)(exact.encode(data)) == changes


def test_an_answer_is_told_from_a_notification() -> None:
    decode = exact.decoder(rows.Notification)
    assert decode('{"jsonrpc":"2.0","id":7,"result":"ok"}').id == 7
    assert decode('{"method":"subscription","params":{"channel":"user.lock","data":{"a":1}}}').id is None


def test_fields_stand_in_the_order_of_the_messages() -> None:
    """Backwards through the alphabet."""
    changes: Any = corpus.the("deribit", "notification.user.changes.BTC-PERPETUAL.raw")["params"]["data"]
    portfolio: Any = corpus.the("deribit", "notification.user.portfolio.btc")["params"]["data"]
    for shape, row in [
        (rows.OrderRow, changes["orders"][0]),
        (rows.TradeRow, changes["trades"][0]),
        (rows.PositionRow, changes["positions"][0]),
        (rows.Portfolio, portfolio),
    ]:
        assert corpus.out_of_order(shape, row) == []
