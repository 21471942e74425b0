"""Which accounts a command is about."""

from pathlib import Path

import pytest

from tests.cli.conftest import Invoke

TWO = """
[accounts.desk]
exchange = "poloniex"
api_key = "abcdefgh"
secret_key = "01234567890123456789"

[accounts.broken]
exchange = "poloniex"
"""


@pytest.mark.parametrize("command", ["listen", "check"])
def test_without_a_file_it_says_what_to_do(invoke: Invoke, command: str) -> None:
    """Code 2, and one sentence."""
    result = invoke(command)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: there is no configuration file jexkit.toml; write one")
    assert result.stderr.count("\n") == 1


def test_another_file_can_be_named(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TWO)
    result = invoke("listen", "--config", "mine.toml", "nobody")
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: mine.toml has no account 'nobody'; it has desk, broken\n",
    )


def test_only_the_named_accounts_have_to_be_right(invoke: Invoke, tmp_path: Path) -> None:
    """An account that is not asked for is not looked at."""
    (tmp_path / "jexkit.toml").write_text(TWO)
    assert "[accounts.broken]: api_key and secret_key missing" in invoke("listen").stderr
    assert "broken" not in invoke("check", "desk", "nobody").stderr.partition(";")[0]


def test_exchange_reads_the_environment(invoke: Invoke) -> None:
    result = invoke("listen", "--exchange", "deribit")
    assert result.exit_code == 2
    assert "JEXKIT_DERIBIT_CLIENT_ID and JEXKIT_DERIBIT_CLIENT_SECRET" in result.stderr


def test_exchange_and_names_exclude_each_other(invoke: Invoke) -> None:
    result = invoke("listen", "desk", "--exchange", "deribit")
    assert result.exit_code == 2
    assert "leave out names and --config" in result.stderr


def test_an_unknown_exchange_is_wrong_usage(invoke: Invoke) -> None:
    result = invoke("check", "--exchange", "kraken")
    assert result.exit_code == 2
    assert "binance_pm" in result.stderr
