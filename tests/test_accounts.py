"""Accounts are checked when they are made, and keep their secrets to themselves."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from jexkit import checks
from jexkit.accounts import ACCOUNTS, Account, BinancePortfolioMargin, Deribit, Jex, Poloniex
from jexkit.errors import ConfigurationError, MissingExtra

SECRET = "a-secret-that-nobody-may-see-0123456789"
PEM = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)
CREDENTIALS: dict[type[Account], dict[str, str]] = {
    BinancePortfolioMargin: {"api_key": "key-of-binance", "secret_key": SECRET},
    Deribit: {"client_id": "AMANDA99", "client_secret": SECRET},
    Poloniex: {"api_key": "KEY-OF-POLONIEX", "secret_key": SECRET},
    Jex: {"api_key": "key-of-jex", "secret_key": SECRET},
}
EVERY = pytest.mark.parametrize("kind", list(CREDENTIALS), ids=lambda kind: kind.__name__)


def make(kind: type[Account], **settings: Any) -> Account:
    return kind(**{**CREDENTIALS[kind], **settings})


def refusal_of(kind: type[Account], **settings: Any) -> ConfigurationError | None:
    try:
        make(kind, **settings)
    except ConfigurationError as error:
        return error
    return None


def refused(kind: type[Account], match: str, **settings: Any) -> str:
    with pytest.raises(ConfigurationError, match=match) as caught:
        make(kind, **settings)
    assert SECRET not in str(caught.value)
    return str(caught.value)


# --- all of them ------------------------------------------------------------------------------------------------------


def test_every_account_is_known_by_its_exchange() -> None:
    assert {name: kind.__name__ for name, kind in ACCOUNTS.items()} == {
        "binance_pm": "BinancePortfolioMargin",
        "deribit": "Deribit",
        "poloniex": "Poloniex",
        "jex": "Jex",
    }


@EVERY
def test_an_account_shows_no_secret(kind: type[Account]) -> None:
    account = make(kind, proxy="http://user:proxy-password@127.0.0.1:8080")
    for value in (*CREDENTIALS[kind].values(), "proxy-password"):
        assert value not in repr(account)
        assert value not in str(account)
        assert value in account.secrets


@EVERY
def test_an_account_is_frozen(kind: type[Account]) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        make(kind).rest_url = "https://elsewhere"  # type: ignore[misc]


@EVERY
@pytest.mark.parametrize("value", ["", "  ", None, 5])
def test_an_empty_credential_is_refused_by_its_name(kind: type[Account], value: Any) -> None:
    name = next(iter(CREDENTIALS[kind]))
    refused(kind, f"{name} is empty", **{name: value})


@EVERY
@pytest.mark.parametrize("value", [" key", "key\n", "ke y", "kéy", "key\x00"])
def test_a_credential_that_was_copied_badly(kind: type[Account], value: str) -> None:
    name = next(iter(CREDENTIALS[kind]))
    refused(kind, "copy it anew", **{name: value})


@EVERY
def test_the_same_text_twice_is_a_mistake(kind: type[Account]) -> None:
    key, secret = CREDENTIALS[kind]
    refused(kind, "same text", **{key: "x" * 20, secret: "x" * 20})


@EVERY
def test_addresses_can_point_elsewhere(kind: type[Account]) -> None:
    account = make(kind, rest_url="http://127.0.0.1:8000", ws_url="ws://127.0.0.1:8001/pm")
    assert (account.rest_url, account.ws_url) == ("http://127.0.0.1:8000", "ws://127.0.0.1:8001/pm")


@EVERY
def test_a_slash_at_the_end_of_an_address_does_no_harm(kind: type[Account]) -> None:
    """Paths are put behind it."""
    account = make(kind, rest_url="http://127.0.0.1:8000/", ws_url="ws://127.0.0.1:8001/pm/")
    assert (account.rest_url, account.ws_url) == ("http://127.0.0.1:8000", "ws://127.0.0.1:8001/pm")


@EVERY
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rest_url", "127.0.0.1"),
        ("rest_url", "ws://host"),
        ("rest_url", "https://"),
        ("rest_url", "https://host:port"),
        ("rest_url", "https://host:99999"),
        ("rest_url", 5),
        ("rest_url", "https://user@host"),
        ("rest_url", "https://host?x=1"),
        ("ws_url", "https://host"),
        ("ws_url", "wss://host#part"),
    ],
)
def test_a_bad_address_is_refused(kind: type[Account], name: str, value: Any) -> None:
    refused(kind, name, **{name: value})


@EVERY
@pytest.mark.parametrize("proxy", ["host:80", "ftp://host:80", "http://", "http://host:port", "http://host:123456"])
def test_a_bad_proxy_is_refused_without_being_repeated(kind: type[Account], proxy: str) -> None:
    assert proxy not in refused(kind, "proxy is not scheme://host:port", proxy=proxy)


@EVERY
def test_no_proxy_and_that_of_the_environment(kind: type[Account]) -> None:
    assert make(kind, proxy="").proxy == ""
    assert make(kind).proxy is None


def test_a_socks_proxy_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"jexkit\[socks\]"):
        make(Deribit, proxy="socks5://127.0.0.1:1080")


@EVERY
def test_a_certificate_file_has_to_be_there(kind: type[Account], tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    refused(kind, "there is no file", ca_bundle=str(bundle))
    bundle.write_text("")
    refused(kind, "no certificate in PEM form", ca_bundle=str(bundle))
    bundle.write_text("-----BEGIN CERTIFICATE-----")
    assert make(kind, ca_bundle=bundle).ca_bundle == str(bundle)


@EVERY
@pytest.mark.parametrize("value", [0, -1, 1000, "10", None, True, float("nan")])
def test_timeouts_are_seconds_within_reason(kind: type[Account], value: Any) -> None:
    for name in ("connect_timeout", "read_timeout"):
        refused(kind, f"{name} is .*; give seconds", **{name: value})


def test_test_systems() -> None:
    assert make(Deribit, testnet=True).ws_url == "wss://test.deribit.com/ws/api/v2"
    assert make(Jex, testnet=True).rest_url == "https://testnet.jex.com"
    for kind in (BinancePortfolioMargin, Poloniex):
        refused(kind, "no test system", testnet=True)
    urls = {"rest_url": "http://127.0.0.1:1", "ws_url": "ws://127.0.0.1:1"}
    assert make(Poloniex, testnet=True, **urls).testnet


@EVERY
def test_a_missing_credential_is_named(kind: type[Account]) -> None:
    """As every other mistake is: one error, with the argument's name and what to write."""
    name = next(iter(CREDENTIALS[kind]))
    with pytest.raises(ConfigurationError, match=rf"^{kind.__name__}: {name}.* missing; give {name}=") as caught:
        kind()
    assert caught.value.setting == name


@EVERY
def test_a_setting_that_there_is_not_is_named(kind: type[Account]) -> None:
    assert "did you mean proxy?" in refused(kind, f"{kind.__name__} has no setting proxi", proxi="http://host:80")
    assert "it has testnet, rest_url," in refused(kind, "no setting zzzz", zzzz=1)


@EVERY
def test_settings_have_their_names(kind: type[Account]) -> None:
    """Two credentials in a row are easily taken for each other."""
    with pytest.raises(ConfigurationError, match="takes its settings by name, such as ") as caught:
        kind(*CREDENTIALS[kind].values())  # type: ignore[misc]
    assert SECRET not in str(caught.value)


@EVERY
def test_a_program_can_read_which_settings_there_are(kind: type[Account]) -> None:
    """The check in front of them hides nothing from ``help`` and the like."""
    assert set(CREDENTIALS[kind]) < set(inspect.signature(kind).parameters)


@EVERY
@pytest.mark.parametrize("value", [5, b"bytes", ["list"], {}, 1.5, object()], ids=repr)
def test_no_setting_of_a_wrong_type_gets_past_the_checks(kind: type[Account], value: Any) -> None:
    """Whatever is put into whichever setting: it is taken, or refused with the setting's name; nothing else comes."""
    for field in attrs.fields(kind):
        if not field.init or (field.type or "").startswith("float"):
            continue
        error = refusal_of(kind, **{field.name: value})
        assert error is None or error.setting == field.name
        assert error is None or field.name in str(error)


# --- Binance ----------------------------------------------------------------------------------------------------------


def test_binance_signs_with_a_secret_or_a_private_key_or_not_at_all() -> None:
    hmac = BinancePortfolioMargin(api_key="key", secret_key=SECRET)
    assert hmac.key is not None
    assert hmac.key.kind == "HMAC"
    pem = BinancePortfolioMargin(api_key="key", private_key=PEM)
    assert pem.key is not None
    assert pem.key.kind == "Ed25519"
    assert PEM not in repr(pem)
    assert BinancePortfolioMargin(api_key="key").key is None


@pytest.mark.parametrize("key", [5, PEM.encode(), "", object(), ["key.pem"]], ids=lambda key: type(key).__name__)
def test_a_private_key_of_a_wrong_type_is_refused_by_its_name(key: Any) -> None:
    """And is not repeated."""
    with pytest.raises(ConfigurationError, match=r"^private_key ") as caught:
        BinancePortfolioMargin(api_key="key", private_key=key)
    assert caught.value.setting == "private_key"
    assert PEM.splitlines()[1] not in str(caught.value)


@pytest.mark.parametrize("passphrase", [5, b"word", object()])
def test_a_passphrase_of_a_wrong_type_is_refused_by_its_name(passphrase: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^passphrase must be a text") as caught:
        BinancePortfolioMargin(api_key="key", private_key=PEM, passphrase=passphrase)
    assert caught.value.setting == "passphrase"


def test_binance_takes_one_thing_to_sign_with() -> None:
    refused(BinancePortfolioMargin, "give one of the two", private_key=PEM)
    refused(BinancePortfolioMargin, "passphrase belongs to private_key", passphrase="x")
    refused(BinancePortfolioMargin, "give that as private_key=", secret_key=PEM)


@pytest.mark.parametrize("kind", [BinancePortfolioMargin, Jex])
def test_a_listen_key_is_renewed_before_its_hour_is_over(kind: type[Account]) -> None:
    for seconds in (0, 3001, 3600):
        refused(kind, "keepalive is", keepalive=seconds)
    refused(kind, "recv_window is", recv_window=60_001)


def test_symbols_are_named_once() -> None:
    assert BinancePortfolioMargin(api_key="key", symbols=["BTCUSDT", "UM:ETHUSDT"]).symbols == ("BTCUSDT", "UM:ETHUSDT")
    assert BinancePortfolioMargin(api_key="key", symbols="BTCUSDT").symbols == ("BTCUSDT",)
    refused(BinancePortfolioMargin, "twice", symbols=["BTCUSDT", "BTCUSDT"])
    refused(BinancePortfolioMargin, "empty or odd", symbols=["BTCUSDT", ""])
    refused(BinancePortfolioMargin, "symbols is 5; give a text or a list of texts", symbols=5)
    refused(BinancePortfolioMargin, "symbols has 'btcusdt': write a symbol in capitals", symbols="btcusdt")


# --- the others -------------------------------------------------------------------------------------------------------


def test_deribit_id_and_secret_are_not_swapped() -> None:
    refused(Deribit, "look swapped", client_id="x" * 44, client_secret="AMANDA99")


@pytest.mark.parametrize("interval", [0, 9, 9.9, 601, "30"])
def test_deribits_heartbeat_is_ten_seconds_or_more(interval: Any) -> None:
    refused(Deribit, "heartbeat is .*; give seconds from 10 to 600", heartbeat=interval)


@pytest.mark.parametrize("interval", [30.5, 10.000001, 599.9])
def test_deribits_heartbeat_is_whole_seconds(interval: float) -> None:
    """The exchange refuses any other."""
    refused(Deribit, "heartbeat is .*; give whole seconds from 10 to 600", heartbeat=interval)


NO_NUMBERS = (True, False, "5", "", b"5", [], {}, 1j, float("nan"), float("inf"), -float("inf"), 10**400, -1)


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize(
    "setting",
    ["connect_timeout", "read_timeout", "probe_every", "probe_within", "keepalive", "recv_window", "reorder_window"],
)
def test_no_time_is_what_is_no_number(setting: str, value: Any) -> None:
    """Whatever Python could make of it."""
    with pytest.raises(ConfigurationError, match=f"^Jex: {setting} is .*; give (milli)?seconds from ") as caught:
        Jex(api_key="a-key-of-some-length", **{setting: value})
    assert caught.value.setting == setting


def test_a_whole_heartbeat_is_kept_without_a_fraction() -> None:
    """It is written to the exchange as it is kept, and one that wants integers must not see 30.0."""
    account = Deribit(client_id="AMANDA99", client_secret="x" * 44, heartbeat=30.0)  # type: ignore[arg-type]
    assert repr(account.heartbeat) == "30"


def test_deribits_channels_are_private_ones() -> None:
    assert Deribit(**CREDENTIALS[Deribit], channels=["user.orders.any.any.raw", "platform_state"]).channels
    refused(Deribit, "begin with 'user.'", channels=["ticker.BTC-PERPETUAL.raw"])
    refused(Deribit, "did you mean 'user.orders'", channels=["user.order.any.any.raw"])
    refused(Deribit, "currencies has 'BTC-PERPETUAL': it is no currency", currencies=["BTC-PERPETUAL"])
    refused(Deribit, "at least one currency", currencies=[])
    refused(Deribit, "grant is 'password'", grant="password")
    refused(Deribit, "cancel_on_disconnect is 'always'", cancel_on_disconnect="always")


def test_poloniex_channels_and_symbols() -> None:
    refused(Poloniex, "Poloniex: channels has 'ticker': Poloniex has no private channel but", channels=["ticker"])
    refused(Poloniex, "Poloniex: symbols has 'BTCUSDT': it is no symbol", symbols=["BTCUSDT"])
    refused(Poloniex, "look swapped", api_key="x" * 128, secret_key="y" * 35)


def test_jex_symbols_name_their_family() -> None:
    assert Jex(api_key="key", symbols=["spot:JEXBTC", "contract:BTCUSDT"]).symbols
    refused(Jex, "Jex: symbols has 'JEXBTC': put spot:, option: or contract: first", symbols=["JEXBTC"])
    refused(Jex, "reorder_window is", reorder_window=-1)


@pytest.mark.parametrize(
    "moment",
    [
        *(
            "4:00Z",
            "04:00",
            "24:00Z",
            "25:00Z",
            "04:60Z",
            "-1:00Z",
            "noon",
            "",
            " 04:00Z",
            "04:00Z\n",
            "04:00z",
            "04:00:00Z",
        ),
        *("0\u0664:00Z", "\uff10\uff14:00Z", 4, 4.0, float("nan"), True, b"04:00Z", ["04:00Z"]),
    ],
)
def test_the_moment_of_rotation_is_written_in_one_way(moment: Any) -> None:
    """Hours and minutes in UTC; the error shows how."""
    with pytest.raises(ConfigurationError, match="04:00Z"):
        Jex(api_key="a-key-of-some-length", rotate_at=moment)
    assert Jex(api_key="a-key-of-some-length", rotate_at="23:59Z").rotate_at == "23:59Z"


@pytest.mark.parametrize(
    ("account", "settings", "words"),
    [
        (Deribit, {"testnet": "yes"}, "use True or False"),
        (Deribit, {"scope": None}, "must be a text"),
        (Jex, {"close_key_on_stop": "no"}, "use True or False"),
        (Jex, {"recv_window": 1.5}, "milliseconds from 1 to 60000"),
        (Jex, {"rest_url": "https://exa mple.com"}, "not a usable address"),
        (Poloniex, {"channels": []}, "name at least one"),
        (Poloniex, {"symbols": [1]}, "odd entry"),
        (Poloniex, {"probe_every": 26}, "25 at most"),
    ],
)
def test_settings_of_the_wrong_sort_are_refused_in_words(account: Any, settings: dict[str, Any], words: str) -> None:
    """A text that is true, half a millisecond, nothing to subscribe to: at once, and with what would do."""
    credentials: dict[str, str] = {
        "Deribit": {"client_id": "an-id", "client_secret": "s" * 43},
        "Jex": {"api_key": "a-key-of-some-length"},
        "Poloniex": {"api_key": "a-key", "secret_key": "s" * 128},
    }[account.__name__]
    with pytest.raises(ConfigurationError, match=words):
        account(**credentials, **settings)
