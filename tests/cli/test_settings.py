"""Settings are read off the account classes."""

import pytest

from jexkit.accounts import ACCOUNTS, BinancePortfolioMargin, Deribit
from jexkit.cli import settings
from jexkit.errors import ConfigurationError


@pytest.mark.parametrize("exchange", ACCOUNTS)
def test_every_account_class_can_be_configured(exchange: str) -> None:
    """Each field has a form, and the credentials that must be there are marked."""
    found = settings.settings_of(settings.account_class(exchange))
    assert {"rest_url", "ws_url", "proxy", "ca_bundle", "testnet", "read_timeout"} <= found.keys()
    assert any(setting.is_required for setting in found.values())


def test_forms_follow_the_annotations() -> None:
    """Lists, numbers, whole numbers, flags and texts; the private key alone takes a file; made fields are left out."""
    deribit, binance = settings.settings_of(Deribit), settings.settings_of(BinancePortfolioMargin)
    assert deribit["currencies"].form is settings.TEXTS
    assert deribit["heartbeat"].form is settings.WHOLE
    assert deribit["testnet"].form is settings.YES_NO
    assert deribit["cancel_on_disconnect"].form is settings.TEXT
    assert binance["keepalive"].form is settings.NUMBER
    assert [name for name, setting in binance.items() if setting.takes_file] == ["private_key"]
    assert "key" not in binance


def test_an_unknown_exchange_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match='no exchange \'binance\'; use one of "binance_pm", "deribit"'):
        settings.account_class("binance")


@pytest.mark.parametrize(
    ("form", "value", "is_one"),
    [
        (settings.NUMBER, 5, True),
        (settings.NUMBER, True, False),
        (settings.WHOLE, 5.0, False),
        (settings.TEXTS, ["BTC"], True),
        (settings.TEXTS, ["BTC", 1], False),
        (settings.TEXT, 5, False),
        (settings.YES_NO, 1, False),
    ],
)
def test_forms_accept_their_own_type_alone(form: settings.Form, value: object, is_one: bool) -> None:
    assert form.accepts(value) is is_one


def test_forms_read_plain_text() -> None:
    """As it stands in an environment variable."""
    assert settings.TEXTS.parse("BTC, ETH,") == ["BTC", "ETH"]
    assert settings.YES_NO.parse("Yes") is True
    assert settings.NUMBER.parse("2.5") == 2.5
    with pytest.raises(ValueError, match="maybe"):
        settings.YES_NO.parse("maybe")
