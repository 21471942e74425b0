"""The times of a message, and the object inside it."""

from __future__ import annotations

import pytest

from jexkit.core.fields import Missing
from jexkit.core.reading import Reading
from jexkit.exchanges.binance_pm import messages
from tests.wire import corpus

READING = Reading("binance_pm", "balanceUpdate", corpus.RECEIPT)


def test_a_message_without_the_engines_time_has_that_of_its_sending() -> None:
    assert messages.happened({"E": 2, "T": 1}) == 1
    assert messages.happened({"E": 2}) == messages.sent({"E": 2, "T": 1}) == 2
    assert messages.happened({}) is None


def test_an_id_has_the_time_of_receipt_where_the_message_has_none() -> None:
    assert messages.moment(5, READING) == "5"
    assert messages.moment(None, READING) == str(corpus.RECEIPT.received_ms)


def test_the_object_inside_is_the_first_that_is_one() -> None:
    assert messages.inside({"ao": "text", "o": {"s": "BTCUSDT"}}, "ao", "o") == {"s": "BTCUSDT"}
    with pytest.raises(Missing, match="no object ao or o"):
        messages.inside({"ao": [], "x": {}}, "ao", "o")
