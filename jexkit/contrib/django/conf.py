"""The settings: one dict, ``JEXKIT``.

``STREAMS``
    a dict of the accounts to follow, by the name of their stream; ``help(jexkit.contrib.accounts)`` shows an entry.
``JOURNAL``
    where every event is kept before a handler sees it. ``"database"``, which is the default: the site's own database,
    where what a handler writes and the acknowledgement are one transaction. Another text: the path of a file for it.
    ``None``: nowhere; what a crash leaves unhandled is lost then.
``LOCK``
    how it is seen to that of all processes that run ``manage.py jexkit run`` one holds the streams, while the others
    stand by and take over within seconds. ``"database"``, which is the default: by the site's own database, on however
    many hosts (an advisory lock of PostgreSQL's; in other databases a row that is renewed). Another text: the path of a
    file, for the processes of one host. ``None``: not at all.
``DATABASE``
    the name of the database that has the tables of jexkit, ``"default"`` unless given.
``ATOMIC``
    ``True`` runs each handler in a transaction of the database ``"default"``, another text in one of the database of
    that name; ``False``, which is the default, in none.
``STOP_TIMEOUT``
    seconds that the streams have to end after SIGTERM, 10 unless given. Keep it below what systemd, supervisor or the
    container's host waits before it kills.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from jexkit.contrib.accounts import BadSetting, Description, descriptions

SETTING = "JEXKIT"
IN_DATABASE = "database"
EXAMPLE = "write for example JEXKIT = {'STREAMS': {'main': {'exchange': 'deribit', ...}}} into the settings"


@attrs.frozen
class Settings:
    """What ``JEXKIT`` says. ``atomic`` is the alias of a database, or None."""

    streams: Mapping[str, Description]
    journal: str | None = IN_DATABASE
    lock: str | None = IN_DATABASE
    database: str = DEFAULT_DB_ALIAS
    atomic: str | None = None
    stop_timeout: float = 10.0


def read() -> Settings:
    """The settings, checked as far as that goes without the environment. Raises BadSetting, the first of ``faults``."""
    found: dict[str, Any] = {}
    for fault in _read(found):
        raise fault
    return Settings(**found)


def faults() -> list[BadSetting]:
    """Everything that is wrong with the dict itself; what its entries lack is asked of the entries."""
    return list(_read({}))


def _read(found: dict[str, Any]) -> Iterator[BadSetting]:
    given = getattr(settings, SETTING, None)
    if not isinstance(given, Mapping):
        yield BadSetting(SETTING, "is missing" if given is None else "is no dict", EXAMPLE)
        return
    for key in given:
        if key not in _OPTIONS:
            near = difflib.get_close_matches(str(key), _OPTIONS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_OPTIONS)}"
            yield BadSetting(f"{SETTING}[{key!r}]", "is no setting of jexkit", hint)
    for key, check in _OPTIONS.items():
        if key in given or key == "STREAMS":
            try:
                found[key.lower()] = check(f"{SETTING}[{key!r}]", given.get(key))
            except BadSetting as fault:
                yield fault


def _place(where: str, value: object) -> str | None:
    if value is not None and (not isinstance(value, (str, Path)) or not str(value).strip()):
        raise BadSetting(where, f"is {value!r}", "use 'database', the path of a file, or None")
    return None if value is None else str(value)


def _database(where: str, value: object) -> str:
    if value not in settings.DATABASES:
        raise BadSetting(where, f"is {value!r}", f"use the name of a database: {_databases()}")
    return str(value)


def _databases() -> str:
    return ", ".join(map(repr, settings.DATABASES))


def _atomic(where: str, value: object) -> str | None:
    if value is False or value is None:
        return None
    alias = DEFAULT_DB_ALIAS if value is True else value
    if alias not in settings.DATABASES:
        raise BadSetting(where, f"is {value!r}", f"use True, False or the name of a database: {_databases()}")
    return str(alias)


def _seconds(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 600:
        raise BadSetting(where, f"is {value!r}", "give seconds, above 0 and up to 600")
    return float(value)


_OPTIONS = {
    "STREAMS": lambda where, value: descriptions(value, where),
    "JOURNAL": _place,
    "LOCK": _place,
    "DATABASE": _database,
    "ATOMIC": _atomic,
    "STOP_TIMEOUT": _seconds,
}
