"""Requests are signed as JEX wants it."""

from __future__ import annotations

import pytest

from jexkit.exchanges.jex import signing
from jexkit.keys import hmac_key

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


# The first two are printed in rest-api.md; in the second the query and the body are signed with nothing between them.
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            (
                "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
                "&timestamp=1499827319559"
            ),
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            (
                "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=0.1&recvWindow=5000"
                "&timestamp=1499827319559"
            ),
            "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77",
        ),
        ("timestamp=1700000000000", "11ce6b18ed8a095f39e30a856dfee442c52b2a29d2b28dd45ef0efd52e7b383a"),
        (
            "recvWindow=5000&timestamp=1700000000000",
            "87e5c6222562009dfc00b491bbc2a244513b1555abde13b604bc2c22cf991114",
        ),
    ],
)
def test_vectors(message: str, expected: str) -> None:
    assert signing.signature(message, hmac_key(SECRET)) == expected


def test_parameters_keep_their_order_and_window_time_and_signature_follow() -> None:
    params = [("symbol", "JEXBTC"), ("orderId", "76"), ("limit", "500")]
    query = signing.signed_query(params, hmac_key(SECRET), recv_window=5000, timestamp=1_700_000_000_000)
    signed, _, signature = query.rpartition("&signature=")
    assert signed == "symbol=JEXBTC&orderId=76&limit=500&recvWindow=5000&timestamp=1700000000000"
    assert signature == signing.signature(signed, hmac_key(SECRET))


def test_values_are_encoded_before_they_are_signed() -> None:
    query = signing.signed_query([("note", "a b&c")], hmac_key(SECRET), recv_window=5000, timestamp=1)
    assert query.startswith("note=a%20b%26c&recvWindow=5000&timestamp=1&signature=")
