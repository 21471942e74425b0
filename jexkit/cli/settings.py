"""The settings of an account, as a file or an environment can give them: read off the account classes themselves.

A setting that an account class gains is a setting of the configuration file at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs

from jexkit.accounts import ACCOUNTS, Account
from jexkit.errors import ConfigurationError


@attrs.frozen
class Form:
    """What a value looks like: how to say it, which value of TOML is one, and how it is read from plain text."""

    description: str
    accepts: Callable[[Any], bool]
    parse: Callable[[str], Any]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


_ANSWERS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _answer(text: str) -> bool:
    try:
        return _ANSWERS[text.strip().lower()]
    except KeyError:
        raise ValueError(text) from None


TEXT = Form("a text in quotes", lambda value: isinstance(value, str), str)
TEXTS = Form('a list of texts, such as ["BTC", "ETH"]', _is_texts, _split)
NUMBER = Form("a number", _is_number, float)
WHOLE = Form("a whole number", _is_whole, int)
YES_NO = Form("true or false", lambda value: isinstance(value, bool), _answer)

_FORMS: tuple[tuple[Any, Form], ...] = (
    (tuple[str, ...], TEXTS),
    (bool, YES_NO),
    (int, WHOLE),
    (float, NUMBER),
    (str, TEXT),
)


@attrs.frozen
class Setting:
    """One field of an account class. ``takes_file``: it may be given as a file that holds it."""

    name: str
    form: Form
    is_required: bool
    takes_file: bool


def account_class(exchange: str) -> type[Account]:
    """The account class of an exchange. Raises ConfigurationError, naming those that there are."""
    try:
        return ACCOUNTS[exchange]
    except KeyError:
        known = ", ".join(f'"{name}"' for name in ACCOUNTS)
        raise ConfigurationError(f"there is no exchange {exchange!r}; use one of {known}") from None


def settings_of(kind: type[Account]) -> Mapping[str, Setting]:
    """The settings of an account class, by name."""
    hints = get_type_hints(kind)
    fields = [field for field in attrs.fields(kind) if field.init]
    return {field.name: _setting(field, hints[field.name]) for field in fields}


def _setting(field: attrs.Attribute[Any], hint: Any) -> Setting:
    shapes = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    form = next(form for shape, form in _FORMS if shape in shapes)
    return Setting(field.name, form, is_required=field.default is attrs.NOTHING, takes_file=Path in shapes)


def key_file(name: str, text: str, folder: Path) -> Path:
    """The file that ``name`` gives, relative to ``folder``. Raises ConfigurationError if there is none."""
    if "-----BEGIN" in text:  # not repeated
        raise ConfigurationError(f"{name} is a key itself; give the path of a file that holds it")
    path = folder / Path(text).expanduser()
    if not path.is_file():
        raise ConfigurationError(f"{name}: there is no file {str(path)!r}")
    return path
