"""Servers, certificates and accounts for the engine's tests."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from jexkit.accounts import Jex
from tests.engine.servers import PATIENCE, Proxy, Script, Server

SECRET = "s" * 64
PROXY_PASSWORD = "pr0xy-passw0rd"


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers; all of them are stopped at the end, and none may have met a fault of its own."""
    servers: list[Server] = []

    def start(script: Script, tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(script, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
    assert [fault for server in servers for fault in server.faults] == []


@pytest.fixture
def account() -> Callable[..., Jex]:
    """An account that points where the test wants it, as patient as the tests are: one of impatience says so."""

    def make(server: Server | None = None, **settings: Any) -> Jex:
        urls = {"rest_url": server.http_url, "ws_url": server.ws_url} if server is not None else {}
        return Jex(
            **{
                "api_key": "k" * 64,
                "secret_key": SECRET,
                "read_timeout": PATIENCE,
                "connect_timeout": PATIENCE,
                **urls,
                **settings,
            }
        )

    return make


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority of our own."""
    return trustme.CA()


@pytest.fixture(scope="session")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """What a server on 127.0.0.1 needs to be trusted by those who trust ``authority``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def ca_bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(autouse=True)
def _no_proxies_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxy settings are none of the tests' business."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["http", "http+password", "socks5h", "socks5h+password"])
def proxy(request: pytest.FixtureRequest, serve: Callable[..., Server]) -> tuple[str, Proxy]:
    """The address of a proxy, its password included, and what it saw."""
    scheme, _, password = request.param.partition("+")
    seen = Proxy(("user", PROXY_PASSWORD) if password else None)
    server = serve(seen.http if scheme == "http" else seen.socks5)
    login = f"user:{PROXY_PASSWORD}@" if password else ""
    return f"{scheme}://{login}127.0.0.1:{server.port}", seen
