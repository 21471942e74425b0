"""The configuration file: accounts by name, in TOML.

::

    [accounts.desk]
    exchange = "deribit"
    client_id = "..."
    client_secret_env = "DESK_SECRET"     # read from the environment

A table has the fields of the account class of its exchange. A text may be given as ``<field>_env``, the name of an
environment variable that holds it, and a private key as ``private_key_file``. Every error names file, line and key, and
none repeats a value that could be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jexkit.accounts import Account
from jexkit.checks import nearest
from jexkit.cli.places import Places, parse, statement_at
from jexkit.cli.settings import TEXT, Setting, account_class, key_file, settings_of
from jexkit.errors import ConfigurationError

DEFAULT = Path("jexkit.toml")
LARGEST_FILE = 1 << 20  # bytes; some thousand accounts

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,49}")  # in capitals: a key pasted here must not come back in a message


def read_config(path: Path) -> Config:
    """Read a configuration file. Raises ConfigurationError if it cannot be read or is no TOML."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no configuration file {path}; write one as 'jexkit listen --help' shows, name another with "
            "--config, or use --exchange and environment variables"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}; name another file with --config") from None
    if len(data) > LARGEST_FILE:
        raise ConfigurationError(f"{path} is too large for a configuration file; name another with --config")
    return Config(_decoded(data, path), path)


def _decoded(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")  # some editors put a mark in front
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig") + "?"
        line = before.count("\n") + 1
        where = statement_at(before, line).where
        raise ConfigurationError(f"{path}, line {line}: {where}: not a text in UTF-8; save the file as one") from None


class Config:
    """The text of a configuration file. Its accounts are made one by one, when they are asked for."""

    def __init__(self, text: str, path: Path = DEFAULT) -> None:
        content = parse(text, path)
        self._path = path
        self._places = Places(text)
        self._tables = self._accounts(content)

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts, in the order of the file."""
        return tuple(self._tables)

    def accounts(self, names: Iterable[str], environ: Mapping[str, str]) -> dict[str, Account]:
        """The accounts of these names, all without any. Raises ConfigurationError."""
        return {name: self.account(name, environ) for name in tuple(names) or self.names}

    def account(self, name: str, environ: Mapping[str, str]) -> Account:
        """One account. Raises ConfigurationError."""
        table = self._tables.get(name)
        if table is None:
            raise ConfigurationError(f"{self._path} has no account {name!r}; it has {', '.join(self.names)}")
        kind = self._kind(name, table)
        settings = settings_of(kind)
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key != "exchange":
                field, value = self._value(name, key, value, settings, environ)
                if field in values:
                    raise self._error(name, key, f"{field} is given twice; leave one out")
                values[field] = value
        self._check_complete(name, settings, values)
        return self._make(name, kind, values)

    # --- one table --------------------------------------------------------------------------------------------------

    def _kind(self, name: str, table: Mapping[str, Any]) -> type[Account]:
        if "exchange" not in table:
            raise self._error(name, "exchange", 'exchange is missing; add a line such as exchange = "deribit"')
        exchange = table["exchange"]
        if not isinstance(exchange, str):
            raise self._error(name, "exchange", 'exchange must be a text in quotes, such as exchange = "deribit"')
        try:
            return account_class(exchange)
        except ConfigurationError as error:
            raise self._error(name, "exchange", f"exchange: {error}") from None

    def _value(
        self, name: str, key: str, value: Any, settings: Mapping[str, Setting], environ: Mapping[str, str]
    ) -> tuple[str, Any]:
        """The field that a key stands for, and its value."""
        setting = settings.get(key)
        if setting is not None:
            if not setting.form.accepts(value):
                raise self._error(name, key, f"{key} must be {setting.form.description}")
            return key, self._beside_file(value) if key == "ca_bundle" else value
        field, _, source = key.rpartition("_")
        setting = settings.get(field)
        if setting is not None and source == "env" and setting.form is TEXT:
            return field, self._from_environment(name, key, value, environ)
        if setting is not None and source == "file" and setting.takes_file:
            if not isinstance(value, str):
                raise self._error(name, key, f"{key} must be the path of a file, in quotes")
            return field, self._key_file(name, key, value)
        raise self._error(name, key, f"{key} is no setting of this exchange; {nearest(key, settings)}")

    def _from_environment(self, name: str, key: str, variable: Any, environ: Mapping[str, str]) -> str:
        if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
            raise self._error(name, key, f"{key} must be the name of an environment variable, in capitals and quotes")
        if variable not in environ:
            raise self._error(name, key, f"the environment variable {variable} is not set; {key} wants it")
        return environ[variable]

    def _key_file(self, name: str, key: str, value: str) -> Path:
        try:
            return key_file(key, value, self._path.parent)
        except ConfigurationError as error:
            raise self._error(name, key, str(error)) from None

    def _beside_file(self, value: str) -> str:
        return str(self._path.parent / Path(value).expanduser())

    def _check_complete(self, name: str, settings: Mapping[str, Setting], values: Mapping[str, Any]) -> None:
        missing = [setting for setting in settings.values() if setting.is_required and setting.name not in values]
        if missing:
            wanted = " and ".join(setting.name for setting in missing)
            first = missing[0].name
            raise self._error(name, "", f"{wanted} missing; add {first} = ..., or {first}_env = the name of a variable")

    def _make(self, name: str, kind: type[Account], values: dict[str, Any]) -> Account:
        try:
            return kind(**values)
        except ConfigurationError as error:
            key = self._written(name, error.setting)
            raise self._error(name, key, str(error) if key == error.setting else f"{key}: {error}") from None

    def _written(self, name: str, field: str) -> str:
        """The key under which a field was given; its own name where it was not."""
        return next((key for key in (f"{field}_env", f"{field}_file") if key in self._tables[name]), field)

    # --- the file ---------------------------------------------------------------------------------------------------

    def _accounts(self, content: dict[str, Any]) -> dict[str, dict[str, Any]]:
        for key in content:
            if key != "accounts":
                raise self._fault(key, what="means nothing here; a file has tables [accounts.NAME]")
        tables = content.get("accounts")
        if not isinstance(tables, dict):
            told = "is missing" if tables is None else "must be tables and not a value"
            raise self._fault("accounts", what=f"{told}; add a table such as [accounts.desk]")
        if not tables:
            raise self._fault("accounts", what="has no account in it; add a table such as [accounts.desk]")
        for name, table in tables.items():
            if not isinstance(table, dict):
                raise self._fault("accounts", name, what=f"must be a table; put its settings under [accounts.{name}]")
            if not name.strip():
                raise self._fault("accounts", name, what="is no name for an account; write one, such as desk")
        return tables

    def _fault(self, *path: str, what: str) -> ConfigurationError:
        """The error for something that is no setting of an account."""
        name = path[-1] if path[-1].strip() else repr(path[-1])
        return ConfigurationError(f"{self._path}, line {self._places.line(*path)}: {name} {what}")

    def _error(self, name: str, key: str, what: str) -> ConfigurationError:
        line = self._places.line("accounts", name, key)
        return ConfigurationError(f"{self._path}, line {line}: [accounts.{name}]: {what}")
