"""HTTP, blocking. The only file that imports requests.

One ``requests.Session`` an account: connections are reused, cookies are not kept, redirects are not followed, and the
environment has no say (proxies are found by ``route``; a ``.netrc`` must not put a login on an exchange's request).
Every call has a timeout and a bound on the answer's size. URLs hold signatures, so no error quotes one.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import urlunsplit

import requests
from requests.adapters import HTTPAdapter

from jexkit import logs
from jexkit._version import __version__
from jexkit.accounts import Account
from jexkit.core.values import HttpReply, HttpRequest
from jexkit.engine import route
from jexkit.engine.patience import Patience, watch_connections
from jexkit.errors import ProtocolError, TransportError, UnknownOutcome

LARGEST_BODY = 32 * 1024 * 1024  # bytes; the largest list an exchange sends is far below one
LONGEST_CALL = 3.0  # times the read timeout: an answer that trickles in is given up
CONNECTIONS = 4  # kept open an account
_CHUNK = 64 * 1024


class _Scrub(logging.Filter):
    """Takes query strings out of what urllib3 logs: they hold signatures and listen keys."""

    _QUERY = re.compile(r"\?\S*")

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(self._QUERY.sub("?...", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


_scrub = _Scrub()


class HttpClient:
    """The HTTP connections of one account. Thread-safe."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["User-Agent"] = f"jexkit/{__version__}"
        self._session.verify = route.ca_bundle(account)
        adapter = _Adapter(pool_connections=2, pool_maxsize=CONNECTIONS, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.cookies.set_policy(_NoCookies())
        for name in ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry"):
            logs.of(name).addFilter(_scrub)  # adding it again changes nothing
        logs.redaction.hide(account.secrets)

    def send(self, request: HttpRequest) -> HttpReply:
        """The answer, whatever its status. Raises TransportError where nothing was sent, UnknownOutcome after that."""
        account = self._account
        with Patience(account.connect_timeout + account.read_timeout * LONGEST_CALL) as patience:
            try:
                reply = self._send(request)
            except TransportError:
                if not patience.is_over:
                    raise
            if patience.is_over:  # also where the cut looks like the end of the answer
                raise UnknownOutcome("the answer comes too slowly") from None
            return reply

    def _send(self, request: HttpRequest) -> HttpReply:
        proxy = route.proxy_for(self._account, request.url)
        proxies = {"http": urlunsplit(proxy), "https": urlunsplit(proxy)} if proxy else {}
        try:
            with self._session.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                data=request.body,
                timeout=(self._account.connect_timeout, self._account.read_timeout),
                allow_redirects=False,
                stream=True,
                proxies=proxies,
            ) as reply:
                body = _body(reply)
                return HttpReply(
                    reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, body
                )
        except (requests.exceptions.ProxyError, requests.exceptions.SSLError, requests.ConnectTimeout) as error:
            raise TransportError(f"the exchange could not be reached: {_words(error)}") from None
        except requests.exceptions.InvalidSchema:
            raise TransportError("the exchange could not be reached: the proxy's scheme is not supported") from None
        except requests.ConnectionError as error:
            if _never_sent(error):
                raise TransportError("the exchange could not be reached: no connection to the host") from None
            raise UnknownOutcome("the connection broke before the answer came") from None
        except requests.Timeout:
            raise UnknownOutcome(f"no answer within {self._account.read_timeout:g} seconds") from None
        except requests.RequestException as error:
            raise UnknownOutcome(f"the answer could not be read ({type(error).__name__})") from None

    def close(self) -> None:
        self._session.close()


class _NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[name-defined,misc]
    """Takes no cookie: an exchange's edge sets some, and none is needed."""

    def set_ok(self, cookie: object, request: object) -> bool:
        del cookie, request
        return False


class _Adapter(HTTPAdapter):
    """Connections whose calls have an end: see ``patience``."""

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        super().init_poolmanager(*args, **named)
        watch_connections(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **named: Any) -> Any:
        return watch_connections(super().proxy_manager_for(*args, **named))


def _body(reply: requests.Response) -> bytes:
    body = bytearray()
    for chunk in reply.iter_content(_CHUNK):
        body += chunk
        if len(body) > LARGEST_BODY:
            raise ProtocolError(f"the answer is larger than {LARGEST_BODY >> 20} MiB")
    return bytes(body)


def _never_sent(error: requests.ConnectionError) -> bool:
    """Whether the connection was never made: the reason is then a urllib3 error about making it."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")


def _words(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refused or broke the connection; check proxy and its password"
    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate is not trusted or TLS failed; check ca_bundle"
    return "no connection in time"
