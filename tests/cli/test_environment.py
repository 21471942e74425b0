"""Accounts from environment variables."""

from pathlib import Path

import pytest

from jexkit.accounts import BinancePortfolioMargin, Deribit
from jexkit.cli.environment import account_from_environment
from jexkit.errors import ConfigurationError

SECRET = "0123456789" * 4
DERIBIT = {"JEXKIT_DERIBIT_CLIENT_ID": "abcdefgh", "JEXKIT_DERIBIT_CLIENT_SECRET": SECRET}


def complaint(exchange: str, environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        account_from_environment(exchange, environ)
    return str(caught.value)


def test_an_account_from_variables() -> None:
    """Lists by commas, numbers and flags; variables of others are left alone."""
    more = {"JEXKIT_DERIBIT_CURRENCIES": "BTC,ETH", "JEXKIT_DERIBIT_HEARTBEAT": "15", "JEXKIT_DERIBIT_TESTNET": "true"}
    account = account_from_environment("deribit", {**DERIBIT, **more, "JEXKIT_JEX_API_KEY": "x", "PATH": "/bin"})
    assert isinstance(account, Deribit)
    assert (account.currencies, account.heartbeat, account.testnet) == (("BTC", "ETH"), 15, True)


def test_missing_variables_are_named() -> None:
    assert complaint("deribit", {}) == (
        "set the environment variables JEXKIT_DERIBIT_CLIENT_ID and JEXKIT_DERIBIT_CLIENT_SECRET"
    )
    assert complaint("binance_pm", {}) == "set the environment variable JEXKIT_BINANCE_PM_API_KEY"


def test_a_variable_that_means_nothing_is_told() -> None:
    """A slip of the pen does not go by in silence."""
    told = complaint("deribit", {**DERIBIT, "JEXKIT_DERIBIT_CURENCIES": "BTC"})
    assert told == "JEXKIT_DERIBIT_CURENCIES is no setting; did you mean CURRENCIES?"
    told = complaint("deribit", {**DERIBIT, "JEXKIT_DERIBIT_ZZZ": "BTC"})
    assert told.startswith("JEXKIT_DERIBIT_ZZZ is no setting; it has TESTNET, REST_URL, ")


def test_a_wrong_type_is_told_without_the_value() -> None:
    told = complaint("deribit", {**DERIBIT, "JEXKIT_DERIBIT_HEARTBEAT": "often"})
    assert told == "JEXKIT_DERIBIT_HEARTBEAT must be a whole number"


def test_a_value_that_the_account_refuses_is_not_repeated() -> None:
    told = complaint("deribit", {**DERIBIT, "JEXKIT_DERIBIT_CLIENT_SECRET": f"{SECRET} oops"})
    assert told.startswith("JEXKIT_DERIBIT_CLIENT_SECRET: Deribit: client_secret has spaces")
    assert SECRET not in told


def test_a_private_key_may_be_a_file(tmp_path: Path) -> None:
    """PRIVATE_KEY_FILE is a path, and giving the key as text as well is refused."""
    name = "JEXKIT_BINANCE_PM_PRIVATE_KEY_FILE"
    base = {"JEXKIT_BINANCE_PM_API_KEY": "abc", name: str(tmp_path / "key.pem")}
    assert complaint("binance_pm", base) == f"{name}: there is no file '{tmp_path}/key.pem'"
    (tmp_path / "key.pem").write_text("not a key")
    assert complaint("binance_pm", base).startswith(f"{name}: private_key names a file that has no line")
    assert "given by two variables" in complaint("binance_pm", {**base, "JEXKIT_BINANCE_PM_PRIVATE_KEY": "PEM"})


def test_binance_needs_an_api_key_alone() -> None:
    account = account_from_environment("binance_pm", {"JEXKIT_BINANCE_PM_API_KEY": "abc"})
    assert isinstance(account, BinancePortfolioMargin)
