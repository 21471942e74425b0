"""Accounts from environment variables, for ``--exchange``.

A variable is called ``JEXKIT_<EXCHANGE>_<FIELD>``, by the fields of the account class: ``JEXKIT_BINANCE_PM_API_KEY``,
``JEXKIT_DERIBIT_CLIENT_ID``. Lists are separated by commas; ``JEXKIT_BINANCE_PM_PRIVATE_KEY_FILE`` names a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jexkit.accounts import Account
from jexkit.checks import nearest
from jexkit.cli.settings import Setting, account_class, key_file, settings_of
from jexkit.errors import ConfigurationError


def account_from_environment(exchange: str, environ: Mapping[str, str]) -> Account:
    """The account of an exchange that the variables describe.

    Raises ConfigurationError, which names the variable and never repeats its value.
    """
    kind = account_class(exchange)
    prefix = f"JEXKIT_{exchange.upper()}_"
    settings = _by_variable(prefix, settings_of(kind))
    values: dict[str, Any] = {}
    for variable in sorted(name for name in environ if name.startswith(prefix)):
        if variable not in settings:
            ends = [name.removeprefix(prefix) for name in settings]  # what all have in common makes any two look alike
            raise ConfigurationError(f"{variable} is no setting; {nearest(variable.removeprefix(prefix), ends)}")
        setting = settings[variable]
        if setting.name in values:
            raise ConfigurationError(f"{variable}: {setting.name} is given by two variables; unset one")
        values[setting.name] = _value(variable, setting, environ[variable])
    missing = [name for name, one in settings.items() if one.is_required and one.name not in values]
    if missing:
        raise ConfigurationError(f"set the environment variable{'s' * (len(missing) > 1)} {' and '.join(missing)}")
    try:
        return kind(**values)
    except ConfigurationError as error:
        given = (name for name, setting in settings.items() if setting.name == error.setting and name in environ)
        raise ConfigurationError(f"{next(given, prefix + '...')}: {error}", setting=error.setting) from None


def _by_variable(prefix: str, settings: Mapping[str, Setting]) -> dict[str, Setting]:
    found = {prefix + name.upper(): setting for name, setting in settings.items()}
    files = {f"{name}_FILE": setting for name, setting in found.items() if setting.takes_file}
    return {**found, **files}


def _value(variable: str, setting: Setting, text: str) -> Any:
    if setting.takes_file and variable.endswith("_FILE"):
        return key_file(variable, text, Path())
    try:
        return setting.form.parse(text)
    except ValueError:
        raise ConfigurationError(f"{variable} must be {setting.form.description}") from None
