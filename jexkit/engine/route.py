"""How a host is reached: through which proxy, and whose certificates are trusted. One answer for REST and websocket."""

from __future__ import annotations

import functools
import os
import ssl
import urllib.request
from urllib.parse import SplitResult, urlsplit

import certifi

from jexkit.accounts import Account

_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PLAIN = {"ws": "http", "wss": "https"}


def proxy_for(account: Account, url: str) -> SplitResult | None:
    """The proxy for ``url``: the account's, or else the environment's, or None."""
    if account.proxy is not None:
        return urlsplit(account.proxy) if account.proxy else None
    parts = urlsplit(url)
    proxies = urllib.request.getproxies_environment()
    found = proxies.get(_PLAIN.get(parts.scheme, parts.scheme)) or proxies.get("all")
    if not found or urllib.request.proxy_bypass_environment(parts.netloc.rpartition("@")[2]):  # type: ignore[attr-defined]
        return None
    return urlsplit(found if "://" in found else f"http://{found}")


def ca_bundle(account: Account) -> str:
    """The file of trusted authorities: the account's, or else the environment's, or else certifi's."""
    if account.ca_bundle:
        return account.ca_bundle
    return next((os.environ[name] for name in _BUNDLE_VARIABLES if os.environ.get(name)), certifi.where())


@functools.lru_cache(maxsize=8)
def ssl_context(bundle: str) -> ssl.SSLContext:
    """One context for all connections that trust the same file; each of its own would cost most of a megabyte."""
    return ssl.create_default_context(cafile=bundle)
