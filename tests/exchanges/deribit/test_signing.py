"""Signatures against the vectors of Deribit's documents and against ones computed by hand."""

from __future__ import annotations

from jexkit.exchanges.deribit import signing


def test_client_signature_matches_the_documented_example() -> None:
    # docs.deribit.com, Authentication, grant type client_signature
    assert (
        signing.client_signature("AMANDASECRECT", 1576074319000, "1iqt2wls")
        == "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1"
    )


def test_authorization_header_of_a_get_request() -> None:
    header = signing.authorization(
        "me",
        "demo-secret",
        1700000000000,
        "abc123",
        "get",
        "/api/v2/private/get_position?instrument_name=BTC-PERPETUAL",
    )
    assert header == (
        "deri-hmac-sha256 id=me,ts=1700000000000,"
        "sig=ab670fa45ab3e5386e4b84c75d8dc4868dc9cc1a61633af43cda60318038aaf6,nonce=abc123"
    )


def test_the_body_is_signed() -> None:
    empty = signing.authorization("me", "demo-secret", 1, "n", "POST", "/x")
    full = signing.authorization("me", "demo-secret", 1, "n", "POST", "/x", "{}")
    assert empty != full
