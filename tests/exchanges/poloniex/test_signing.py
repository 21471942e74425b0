"""Signatures against vectors that were computed apart from this code."""

from __future__ import annotations

from jexkit.exchanges.poloniex import signing

SECRET = "demo-secret"
TIME = 1648708187469


def test_the_websocket_signs_a_short_path() -> None:
    assert signing.websocket_signature(SECRET, TIME) == "J5BIBfXXA8tUqOlp/QM+Ppj4TjSNAt2McR6+Lw0iB1A="


def test_the_params_of_the_auth_channel() -> None:
    assert signing.websocket_auth("API-KEY", SECRET, TIME) == {
        "key": "API-KEY",
        "signTimestamp": "1648708187469",
        "signature": "J5BIBfXXA8tUqOlp/QM+Ppj4TjSNAt2McR6+Lw0iB1A=",
        "signatureMethod": "HmacSHA256",
        "signatureVersion": "2",
    }


def test_a_get_request_signs_its_sorted_parameters_with_the_time_among_them() -> None:
    params = [("symbol", "BTC_USDT"), ("limit", "5")]
    expected = "KC4qTRpJvMvDsbczl7r9egTEdbVsymr8CDIkh0XtTjc="
    assert signing.rest_signature(SECRET, "GET", "/orders", params, TIME) == expected
    assert signing.rest_signature(SECRET, "get", "/orders", params[::-1], TIME) == expected


def test_a_body_is_signed_as_it_is_sent() -> None:
    body = '{"symbol":"BTC_USDT","side":"BUY"}'
    signature = signing.rest_signature(SECRET, "POST", "/orders", [], TIME, body)
    assert signature == "BDy3o5eHL9qwOtuZw9Zs9RXSiYIaLNi0LHBG9tSGLEE="


def test_without_body_and_parameters_the_time_alone_is_signed() -> None:
    signature = signing.rest_signature(SECRET, "DELETE", "/orders/123", [], TIME)
    assert signature == "QTijaQmrc0qlKfF5orfEkuw96QMdD46hBb1fStNTrnI="


def test_parameters_are_encoded_like_encodeuricomponent() -> None:
    params = [("b", "x y/z?&=+:,"), ("a", "-_.!~*'()"), ("c", "é")]
    assert signing.query(params) == "a=-_.!~*'()&b=x%20y%2Fz%3F%26%3D%2B%3A%2C&c=%C3%A9"
