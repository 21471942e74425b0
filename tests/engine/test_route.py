"""One answer for REST and websocket: which proxy, and whose certificates."""

from __future__ import annotations

from collections.abc import Callable

import certifi
import pytest

from jexkit.accounts import Jex
from jexkit.engine import route


def proxy(account: Jex, url: str) -> str | None:
    found = route.proxy_for(account, url)
    return found.geturl() if found is not None else None


def test_without_a_setting_and_an_environment_there_is_none(account: Callable[..., Jex]) -> None:
    assert proxy(account(), "https://host") is None
    assert proxy(account(), "wss://host/ws/key") is None


def test_the_accounts_proxy_serves_both(account: Callable[..., Jex], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says."""
    monkeypatch.setenv("HTTPS_PROXY", "http://environment:1")
    monkeypatch.setenv("NO_PROXY", "host")
    mine = account(proxy="http://user:pass@mine:2")
    assert proxy(mine, "https://host/api") == proxy(mine, "wss://host/ws") == "http://user:pass@mine:2"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host/api", "http://tls:1"),
        ("wss://host/ws", "http://tls:1"),
        ("http://host/api", "http://plain:2"),
        ("ws://host/ws", "http://plain:2"),
    ],
)
def test_the_environment_is_asked_by_what_is_under_the_websocket(
    account: Callable[..., Jex], monkeypatch: pytest.MonkeyPatch, url: str, expected: str
) -> None:
    """wss goes where https goes."""
    monkeypatch.setenv("HTTPS_PROXY", "http://tls:1")
    monkeypatch.setenv("http_proxy", "plain:2")  # without a scheme, as many write it
    assert proxy(account(), url) == expected


def test_all_proxy_is_the_last_resort(account: Callable[..., Jex], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5h://all:3")
    assert proxy(account(), "wss://host") == "socks5h://all:3"


@pytest.mark.parametrize("no_proxy", ["host", ".example", "*", "host:443", "other,host"])
def test_no_proxy_is_obeyed(account: Callable[..., Jex], monkeypatch: pytest.MonkeyPatch, no_proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://tls:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    name = "a.example" if no_proxy == ".example" else "host"
    assert proxy(account(), f"https://{name}:443/api") is None
    assert proxy(account(), f"wss://{name}:443/ws") is None
    assert (proxy(account(), "https://elsewhere") is None) == (no_proxy == "*")


def test_an_empty_setting_means_none(account: Callable[..., Jex], monkeypatch: pytest.MonkeyPatch) -> None:
    """``proxy=""`` turns the environment's off."""
    monkeypatch.setenv("HTTPS_PROXY", "http://tls:1")
    assert proxy(account(proxy=""), "https://host") is None


def test_the_accounts_authorities_come_first(
    account: Callable[..., Jex], monkeypatch: pytest.MonkeyPatch, ca_bundle: str
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/environment.pem")
    assert route.ca_bundle(account(ca_bundle=ca_bundle)) == ca_bundle
    assert route.ca_bundle(account()) == "/environment.pem"


def test_without_a_word_certifi_is_trusted(account: Callable[..., Jex]) -> None:
    assert route.ca_bundle(account()) == certifi.where()


def test_one_context_serves_all_connections(ca_bundle: str) -> None:
    """It weighs most of a megabyte."""
    assert route.ssl_context(ca_bundle) is route.ssl_context(ca_bundle)
