"""The configuration file."""

from pathlib import Path

import pytest

from jexkit.accounts import BinancePortfolioMargin, Deribit
from jexkit.cli.config import LARGEST_FILE, Config, read_config
from jexkit.errors import ConfigurationError

DERIBIT = """
[accounts.desk]
exchange = "deribit"
client_id = "abcdefgh"
client_secret = "0123456789012345678901234567890123456789"
"""
SECRET = "verysecretverysecretverysecretverysecret"


def complaint(text: str, name: str = "desk", **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Config(text).account(name, environ)
    return str(caught.value)


def test_an_account_has_the_fields_of_its_class() -> None:
    """Lists, numbers and flags arrive as the account wants them."""
    account = Config(DERIBIT + 'currencies = ["BTC", "ETH"]\nheartbeat = 15\ntestnet = true\n').account("desk", {})
    assert isinstance(account, Deribit)
    assert (account.currencies, account.heartbeat, account.testnet) == (("BTC", "ETH"), 15, True)


def test_accounts_come_by_name_or_all_in_order() -> None:
    config = Config(DERIBIT + DERIBIT.replace("desk", "other"))
    assert config.names == ("desk", "other")
    assert list(config.accounts((), {})) == ["desk", "other"]
    assert list(config.accounts(["other"], {})) == ["other"]


def test_secrets_come_from_the_environment() -> None:
    """Under the name that the file gives."""
    text = DERIBIT.replace("client_secret = ", "client_secret_env = ").replace("0123456789" * 4, "DESK_SECRET")
    account = Config(text).account("desk", {"DESK_SECRET": SECRET})
    assert isinstance(account, Deribit)
    assert account.client_secret == SECRET


def test_a_variable_that_is_not_set_is_named() -> None:
    text = DERIBIT.replace("client_secret = ", "client_secret_env = ").replace("0123456789" * 4, "DESK_SECRET")
    assert complaint(text) == (
        "jexkit.toml, line 5: [accounts.desk]: the environment variable DESK_SECRET is not set; "
        "client_secret_env wants it"
    )


def test_a_secret_in_place_of_a_variable_does_not_come_back() -> None:
    """Who pastes the key itself is told so, and the key is in no message."""
    told = complaint(DERIBIT.replace("client_secret = ", "client_secret_env = "))
    assert "line 5" in told
    assert "must be the name of an environment variable" in told
    assert "0123456789" not in told


def test_a_key_file_is_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    """And where it is missing, the line is that of private_key_file."""
    path = tmp_path / "jexkit.toml"
    path.write_text('[accounts.main]\nexchange = "binance_pm"\napi_key = "abc"\nprivate_key_file = "key.pem"\n')
    with pytest.raises(ConfigurationError, match=r"line 4: .*key\.pem") as caught:
        read_config(path).account("main", {})
    assert f"private_key_file: there is no file '{tmp_path / 'key.pem'}'" in str(caught.value)


def test_a_key_in_place_of_its_file_does_not_come_back() -> None:
    text = f'[accounts.desk]\nexchange = "binance_pm"\napi_key = "abc"\nprivate_key_file = "-----BEGIN {SECRET}"\n'
    told = complaint(text)
    assert "line 4: [accounts.desk]: private_key_file is a key itself" in told
    assert SECRET not in told


def test_a_secret_key_and_its_api_key_make_a_binance_account() -> None:
    text = '[accounts.main]\nexchange = "binance_pm"\napi_key = "abc"\nsecret_key = "def"\nkeepalive = 600\n'
    account = Config(text).account("main", {})
    assert isinstance(account, BinancePortfolioMargin)
    assert account.keepalive == 600


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "client_id = ",
            "client_idd = ",
            "line 4: [accounts.desk]: client_idd is no setting of this exchange; did you",
        ),
        ("client_id = ", "zzz = ", "line 4: [accounts.desk]: zzz is no setting of this exchange; it has testnet, "),
        ('"abcdefgh"', "5", "line 4: [accounts.desk]: client_id must be a text in quotes"),
        ('"abcdefgh"', '""', "line 4: [accounts.desk]: Deribit: client_id is empty"),
        ('"deribit"', '"derbit"', "line 3: [accounts.desk]: exchange: there is no exchange 'derbit'; use one of"),
        ('exchange = "deribit"\n', "", "line 2: [accounts.desk]: exchange is missing"),
        (
            'client_id = "abcdefgh"\n',
            "",
            "line 2: [accounts.desk]: client_id missing; add client_id = ..., or client_id_",
        ),
        ('"abcdefgh"', '"abcdefgh"\nclient_id_env = "X"', "line 5: [accounts.desk]: the environment variable X is not"),
        ('"abcdefgh"', '"abcdefgh"\nheartbeat = 5', "line 5: [accounts.desk]: Deribit: heartbeat is 5"),
        ('"abcdefgh"', '"abcdefgh"\nheartbeat = "5"', "line 5: [accounts.desk]: heartbeat must be a whole number"),
        ('"abcdefgh"', '"abcdefgh"\ncurrencies = [1]', "line 5: [accounts.desk]: currencies must be a list of texts"),
        ('"abcdefgh"', '"abcdefgh"\nprivate_key_file = "x"', "line 5: [accounts.desk]: private_key_file is no setting"),
        ("[accounts.desk]", "[acounts.desk]", "line 2: acounts means nothing here"),
        ("\n[accounts.desk]", "seconds = 5\n[accounts.desk]", "line 1: seconds means nothing here"),
        ('"deribit"', "5", 'line 3: [accounts.desk]: exchange must be a text in quotes, such as exchange = "deribit"'),
        ('"deribit"', "deribit", "line 3, column 12: [accounts.desk]: exchange: Invalid value; write key = value, and"),
        ("client_id = ", "client_id ", "line 4, column 11: [accounts.desk]: the line has no key: "),
        ("client_id = ", "exchange = ", "line 4, column 22: [accounts.desk]: exchange: "),
        ('"abcdefgh"', '"abcdefgh"\nchannels = ["x"]', "line 5: [accounts.desk]: Deribit: channels has 'x': it is no"),
        (
            '"abcdefgh"',
            '"abcdefgh"\ncurrencies = ["B-T"]',
            "line 5: [accounts.desk]: Deribit: currencies has 'B-T': it",
        ),
        ('"abcdefgh"', f'"{"x" * 60}"', "line 4: [accounts.desk]: Deribit: client_id and client_secret look swapped"),
        ('"abcdefgh"', '"abcdefgh"\nproxy = "ftp://x"', "line 5: [accounts.desk]: Deribit: proxy is not scheme"),
        ('"abcdefgh"', '"abcdefgh"\nca_bundle = "no.pem"', "line 5: [accounts.desk]: Deribit: ca_bundle names "),
    ],
)
def test_errors_name_file_line_and_key(old: str, new: str, told: str) -> None:
    """Whatever is wrong, the message says where, and what to do."""
    assert complaint(DERIBIT.replace(old, new, 1)).startswith(f"jexkit.toml, {told}")


def test_a_field_that_is_given_twice_is_refused() -> None:
    told = complaint(DERIBIT + 'client_id_env = "DESK_ID"\n', DESK_ID="abcdefgh")
    assert told == "jexkit.toml, line 6: [accounts.desk]: client_id is given twice; leave one out"


def test_a_name_that_is_not_there_lists_those_that_are() -> None:
    assert complaint(DERIBIT, "deks") == "jexkit.toml has no account 'deks'; it has desk"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: accounts is missing"),
        ("\naccounts = 5\n", "line 2: accounts must be tables and not a value"),
        ("[[accounts]]\n", "line 1: accounts must be tables and not a value"),
        ("# none yet\n[accounts]\n", "line 2: accounts has no account in it"),
    ],
)
def test_a_file_without_accounts_says_what_to_add(text: str, told: str) -> None:
    assert complaint(text) == f"jexkit.toml, {told}; add a table such as [accounts.desk]"


def test_an_account_without_a_name_is_refused() -> None:
    assert complaint('[accounts]\n[accounts.""]\n').startswith("jexkit.toml, line 2: '' is no name for an account")


def test_an_inline_account_has_its_line_too() -> None:
    """However the table is written."""
    text = '[accounts]\n\ndesk = { exchange = "deribit", client_id = 5, client_secret = "x" }\n'
    assert complaint(text) == "jexkit.toml, line 3: [accounts.desk]: client_id must be a text in quotes"
    dotted = '[accounts]\n\ndesk.client_id = 5\ndesk.exchange = "deribit"\n'
    assert complaint(dotted) == "jexkit.toml, line 3: [accounts.desk]: client_id must be a text in quotes"


def test_a_key_that_was_given_by_its_variable_is_named_as_it_is_written() -> None:
    told = complaint(DERIBIT.replace('client_id = "abcdefgh"', 'client_id_env = "DESK_ID"'), DESK_ID="two words")
    assert told.startswith("jexkit.toml, line 4: [accounts.desk]: client_id_env: Deribit: client_id has spaces or odd")


def test_a_missing_extra_is_named_at_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    told = complaint(DERIBIT + 'proxy = "socks5://127.0.0.1:1080"\n')
    assert told.startswith("jexkit.toml, line 6: [accounts.desk]: proxy: a SOCKS proxy needs an optional dependency")
    assert told.endswith("pip install 'jexkit[socks]'")


def test_an_account_that_is_no_table_is_refused() -> None:
    assert "line 2: desk must be a table; put its settings under [accounts.desk]" in complaint(
        '[accounts]\ndesk = "deribit"\n'
    )


@pytest.mark.parametrize("field", ["client_id", "client_secret"])
def test_no_message_has_a_secret(field: str) -> None:
    """A value that is refused is not repeated."""
    bad = f"{SECRET} with spaces"
    told = complaint(DERIBIT.replace(f"{field} = ", f'{field} = "{bad}" #', 1))
    assert field in told
    assert SECRET not in told


def test_a_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no configuration file .*none\.toml; write one .* --exchange"):
        read_config(tmp_path / "none.toml")


def test_a_file_that_is_no_text_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(
        '[accounts.desk]\nexchange = "deribit"\nclient_id = "cl\u00e9"\n'.encode("latin-1")
    )
    with pytest.raises(ConfigurationError, match=r"latin, line 3: \[accounts.desk\]: client_id: not a text in UTF-8"):
        read_config(tmp_path / "latin")
    (tmp_path / "large").write_bytes(b"#" * (LARGEST_FILE + 1))
    with pytest.raises(ConfigurationError, match="large is too large for a configuration file"):
        read_config(tmp_path / "large")
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_config(tmp_path)


def test_the_mark_that_some_editors_put_in_front_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "marked").write_bytes(b"\xef\xbb\xbf" + DERIBIT.strip().replace("\n", "\r\n").encode())
    assert read_config(tmp_path / "marked").names == ("desk",)
