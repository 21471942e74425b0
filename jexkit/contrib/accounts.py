"""Accounts from a dict of settings, as the frameworks keep them.

::

    {
        "main": {
            "exchange": "deribit",
            "client_id_env": "DERIBIT_CLIENT_ID",     # read from the environment when the streams are started
            "client_secret": read_from_the_vault,     # a function without arguments, called at the same moment
            "currencies": ["BTC", "ETH"],
        },
    }

An entry has the fields of the account class of its exchange. Any text may be given as ``<field>_env``, and any value as
a function; a private key as ``private_key_file``. No error repeats a value that could be a secret.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from jexkit.accounts import Account
from jexkit.cli.settings import TEXT, Setting, account_class, key_file, settings_of
from jexkit.errors import ConfigurationError

Environment: TypeAlias = Mapping[str, str]

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,99}")  # in capitals: a key pasted here must not come back in a message


class BadSetting(ConfigurationError):
    """One thing that is wrong with the settings: ``where`` it is, ``what`` it is, and a ``hint`` what to do.

    ``is_elsewhere`` marks what may be right on another machine: a variable that only the streams' process has.
    """

    def __init__(self, where: str, what: str, hint: str = "", *, is_elsewhere: bool = False) -> None:
        super().__init__(f"{where}: {what}; {hint}" if hint else f"{where}: {what}")
        self.where = where
        self.what = what
        self.hint = hint
        self.is_elsewhere = is_elsewhere


def descriptions(streams: object, where: str) -> dict[str, Description]:
    """The entries by the name of their stream. Raises BadSetting if this is no dict of entries at all."""
    if not isinstance(streams, Mapping) or not streams:
        raise BadSetting(where, "names no stream", "make it a dict such as {'main': {'exchange': 'deribit', ...}}")
    for name in streams:
        if not isinstance(name, str) or not name.strip():
            raise BadSetting(where, f"{name!r} is no name for a stream", "use a text such as 'main'")
    return {name: Description(f"{where}[{name!r}]", entry) for name, entry in streams.items()}


class Description:
    """One entry, read as far as that goes without the environment. ``account`` makes the account of it."""

    def __init__(self, where: str, entry: object) -> None:
        self.where = where
        self._faults: list[BadSetting] = []
        self._sources: dict[str, Callable[[Environment], Any]] = {}
        self._functions: set[str] = set()  # fields whose value a function of the program gives
        self._kind = self._read_kind(entry)
        if self._kind is not None and isinstance(entry, Mapping):
            self._read(entry, settings_of(self._kind))

    def __repr__(self) -> str:
        return f"<{self.where} of {getattr(self._kind, '__name__', 'no exchange')}>"

    def faults(self, environ: Environment) -> list[BadSetting]:
        """Everything that is wrong and can be found without calling the program's functions."""
        if self._faults:
            return list(self._faults)
        if not self._functions:
            return _faults_of(lambda: self.account(environ))
        told = [source for field, source in self._sources.items() if field not in self._functions]
        return [fault for source in told for fault in _faults_of(functools.partial(source, environ))]

    def account(self, environ: Environment) -> Account:
        """The account. Calls the functions that the entry has. Raises BadSetting."""
        if self._faults or self._kind is None:
            raise self._faults[0]
        values = {field: source(environ) for field, source in self._sources.items()}
        try:
            return self._kind(**values)
        except ConfigurationError as error:
            raise BadSetting(self.where, str(error)) from None

    # --- reading ----------------------------------------------------------------------------------------------------

    def _fault(self, key: str, what: str, hint: str = "", *, is_elsewhere: bool = False) -> BadSetting:
        where = f"{self.where}[{key!r}]" if key else self.where
        return BadSetting(where, what, hint, is_elsewhere=is_elsewhere)

    def _read_kind(self, entry: object) -> type[Account] | None:
        if not isinstance(entry, Mapping):
            self._faults.append(self._fault("", "is no dict", "make it one with 'exchange' and the account's fields"))
            return None
        exchange = entry.get("exchange")
        if not isinstance(exchange, str):
            self._faults.append(self._fault("exchange", "is missing", "add for example 'exchange': 'deribit'"))
            return None
        try:
            return account_class(exchange)
        except ConfigurationError as error:
            self._faults.append(self._fault("exchange", str(error)))
            return None

    def _read(self, entry: Mapping[Any, Any], settings: Mapping[str, Setting]) -> None:
        for key, value in entry.items():
            if key == "exchange":
                continue
            try:
                field, source = self._source(key, value, settings)
                if field in self._sources:
                    raise self._fault(key, f"gives {field} a second time", "leave one out")
                self._sources[field] = source
            except BadSetting as fault:
                self._faults.append(fault)
        required = [setting.name for setting in settings.values() if setting.is_required]
        if missing := [name for name in required if name not in self._sources and not self._faults]:
            hint = f"add {missing[0]!r}, or '{missing[0]}_env' with the name of an environment variable"
            self._faults.append(self._fault("", f"lacks {' and '.join(missing)}", hint))

    def _source(
        self, key: object, value: Any, settings: Mapping[str, Setting]
    ) -> tuple[str, Callable[[Environment], Any]]:
        """The field that a key stands for, and how its value is had when it is wanted."""
        if isinstance(key, str) and key in settings:
            return key, self._given(key, value, settings[key])
        field, _, suffix = str(key).rpartition("_")
        if suffix == "env" and field in settings and settings[field].form is TEXT:
            return field, self._from_environment(str(key), value)
        if suffix == "file" and field in settings and settings[field].takes_file:
            return field, self._from_file(str(key), value)
        near = difflib.get_close_matches(str(key), settings, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(settings)}"
        raise self._fault(str(key), "is no setting of this exchange", hint)

    def _given(self, key: str, value: Any, setting: Setting) -> Callable[[Environment], Any]:
        if callable(value):
            self._functions.add(key)
            return lambda _: self._called(key, value, setting)
        if isinstance(value, tuple):
            value = list(value)
        if not setting.form.accepts(value):
            raise self._fault(key, f"must be {setting.form.description}", "or a function that returns it")
        return lambda _: value

    def _called(self, key: str, function: Callable[[], Any], setting: Setting) -> Any:
        try:
            value = function()
        except Exception as error:  # noqa: BLE001 - its text is the program's own and may hold anything
            raise self._fault(key, f"its function failed with {type(error).__name__}", "call it by hand") from None
        if not setting.form.accepts(value):
            raise self._fault(key, f"its function must return {setting.form.description}", "it returned something else")
        return value

    def _from_environment(self, key: str, variable: Any) -> Callable[[Environment], str]:
        if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
            raise self._fault(key, "must be the name of an environment variable, in capitals", "such as 'DESK_SECRET'")

        def read(environ: Environment) -> str:
            if variable not in environ:
                what = f"the environment variable {variable} is not set"
                raise self._fault(key, what, "set it where the streams run", is_elsewhere=True)
            return environ[variable]

        return read

    def _from_file(self, key: str, path: Any) -> Callable[[Environment], Path]:
        if not isinstance(path, (str, Path)):
            raise self._fault(key, "must be the path of a file")

        def find(_: Environment) -> Path:
            try:
                return key_file(key, str(path), Path())
            except ConfigurationError as error:
                raise self._fault(key, str(error), is_elsewhere=True) from None

        return find


def _faults_of(attempt: Callable[[], object]) -> list[BadSetting]:
    try:
        attempt()
    except BadSetting as fault:
        return [fault]
    return []


def accounts(described: Mapping[str, Description], environ: Environment) -> Iterator[tuple[str, Account]]:
    """Name and account of each stream. Raises BadSetting."""
    for name, description in described.items():
        yield name, description.account(environ)
