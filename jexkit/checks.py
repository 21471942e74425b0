"""Checks of one setting each, for the fields of an account. All raise ConfigurationError, which names the setting.

None repeats a value that could be a secret: no credential, and no proxy, which can hold a password.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import attrs

from jexkit.errors import ConfigurationError, MissingExtra

Check: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]
A = TypeVar("A")

PROXY_SCHEMES = ("http", "socks4", "socks4a", "socks5", "socks5h")
_MOMENT = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]Z")


def refusal(account: object, setting: str, what: str) -> ConfigurationError:
    """The error for a setting: which account, which setting, what is wrong with it and what would do."""
    return ConfigurationError(f"{type(account).__name__}: {setting} {what}", setting=setting)


# --- all settings together --------------------------------------------------------------------------------------------


def told_in_words(kind: type[A]) -> type[A]:
    """Class decorator: a setting that is missing, unknown or without its name is refused as every other mistake is."""
    made: Callable[..., None] = kind.__init__
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(kind)  # type: ignore[arg-type]
    settings = [field.name for field in fields if field.init]
    required = [field.name for field in fields if field.init and field.default is attrs.NOTHING]

    @functools.wraps(made)
    def checked(self: A, *args: Any, **values: Any) -> None:
        if args:
            told = f"takes its settings by name, such as {required[0]}=..."
            raise ConfigurationError(f"{kind.__name__} {told}", setting=required[0])
        for name in (name for name in values if name not in settings):
            raise ConfigurationError(f"{kind.__name__} has no setting {name}; {nearest(name, settings)}", setting=name)
        missing = [name for name in required if name not in values]
        if missing:
            told = f"{' and '.join(missing)} missing; give {'=..., '.join(missing)}=..."
            raise ConfigurationError(f"{kind.__name__}: {told}", setting=missing[0])
        made(self, **values)

    kind.__init__ = checked  # type: ignore[assignment, method-assign]
    return kind


def nearest(name: str, settings: Iterable[str]) -> str:
    """What was meant by a setting that there is not."""
    known = list(settings)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"


# --- texts ------------------------------------------------------------------------------------------------------------


def credential(account: object, field: attrs.Attribute[Any], value: str) -> None:
    """A key or secret as the exchange gave it out."""
    if not isinstance(value, str) or not value.strip():
        raise refusal(account, field.name, "is empty; set it to the one the exchange gave you")
    if "-----BEGIN" in value:
        raise refusal(account, field.name, "looks like a PEM key; give that as private_key=")
    if value != value.strip() or any(ord(letter) < 33 or ord(letter) > 126 for letter in value):
        raise refusal(account, field.name, "has spaces or odd characters in it; copy it anew")


def optional_credential(account: object, field: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None:
        credential(account, field, value)


def differ(account: object, key: str, secret: str) -> None:
    """Refuse the same text as key and as secret. ``key`` and ``secret`` name the settings."""
    if getattr(account, key) == getattr(account, secret):
        raise refusal(account, secret, f"is the same text as {key}; one of the two is misplaced")


def not_swapped(account: object, key: str, secret: str) -> None:
    """Refuse a key that is much longer than its secret, where the exchange makes it the other way round."""
    if len(getattr(account, key)) > len(getattr(account, secret)) + 8:
        raise refusal(account, key, f"and {secret} look swapped; the secret is the longer one")


def text(account: object, field: attrs.Attribute[Any], value: str) -> None:
    if not isinstance(value, str):
        raise refusal(account, field.name, f"must be a text, not {value!r}")


def as_texts(value: Any) -> Any:
    """Converter: a tuple of texts, from one text or several; what is neither is left for ``named`` to refuse."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)) else value


def named(form: Callable[[str, Iterable[str]], None]) -> Check:
    """A list of names, none twice, each of the form that ``form`` (see ``names``) checks."""

    def check(account: object, field: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
        if not isinstance(value, tuple):
            raise refusal(account, field.name, f"is {value!r}; give a text or a list of texts")
        for item in value:
            if not isinstance(item, str) or not item.strip() or item != item.strip():
                raise refusal(account, field.name, f"has an empty or odd entry: {item!r}")
        if len(set(value)) != len(value):
            raise refusal(account, field.name, f"names the same thing twice: {', '.join(value)}")
        try:
            form(field.name, value)
        except ConfigurationError as error:
            raise ConfigurationError(f"{type(account).__name__}: {error}", setting=field.name) from None

    return check


def one_of(*words: str | None) -> Check:
    def check(account: object, field: attrs.Attribute[Any], value: Any) -> None:
        if value not in words:
            raise refusal(account, field.name, f"is {value!r}; use one of {', '.join(map(repr, words))}")

    return check


# --- numbers and answers ----------------------------------------------------------------------------------------------


def seconds(least: float, most: float) -> Check:
    def check(account: object, field: attrs.Attribute[Any], value: float) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise refusal(account, field.name, f"is {value!r}; give seconds from {least:g} to {most:g}")

    return check


def whole_seconds(least: int, most: int) -> Check:
    """The same where the exchange takes whole seconds only."""
    within = seconds(least, most)

    def check(account: object, field: attrs.Attribute[Any], value: Any) -> None:
        within(account, field, value)
        if not isinstance(value, int):
            raise refusal(account, field.name, f"is {value!r}; give whole seconds from {least} to {most}")

    return check


def as_whole(value: Any) -> Any:
    """Converter: 30.0 as 30, which is how it is written to the exchange; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def milliseconds(account: object, field: attrs.Attribute[Any], value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 60_000:
        raise refusal(account, field.name, f"is {value!r}; give milliseconds from 1 to 60000")


def flag(account: object, field: attrs.Attribute[Any], value: bool) -> None:
    if not isinstance(value, bool):
        raise refusal(account, field.name, f"is {value!r}; use True or False")


def as_testnet(value: bool) -> bool:
    """Converter that checks: the addresses are looked up by it, before any validator runs."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"testnet is {value!r}; use True or False", setting="testnet")
    return value


def moment(account: object, field: attrs.Attribute[Any], value: str | None) -> None:
    """A time of day in UTC."""
    if value is not None and (not isinstance(value, str) or not _MOMENT.fullmatch(value)):
        raise refusal(account, field.name, f"is {value!r}; write a time in UTC like '04:00Z'")


# --- places -----------------------------------------------------------------------------------------------------------


def as_address(value: Any) -> Any:
    """Converter: an address without the slash at its end, since paths are put behind it."""
    return value.rstrip("/") if isinstance(value, str) and not value.endswith("://") else value


def url(*schemes: str) -> Check:
    """An address of scheme, host and path."""

    def check(account: object, field: attrs.Attribute[Any], value: str) -> None:
        expected = f"expected {' or '.join(scheme + '://host' for scheme in schemes)}"
        try:
            parts = urlsplit(value)
            fine = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
            fine = fine and not any(letter.isspace() for letter in value)
        except (ValueError, TypeError, AttributeError):
            fine = False
        if not fine:
            raise refusal(account, field.name, f"is not a usable address; {expected}")
        if parts.username or parts.query or parts.fragment:
            raise refusal(account, field.name, f"has more than scheme, host and path; {expected}")

    return check


def proxy(account: object, field: attrs.Attribute[Any], value: str | None) -> None:
    if value is None or value == "":
        return
    try:
        parts = urlsplit(value)
        fine = parts.scheme in PROXY_SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
    except (ValueError, TypeError, AttributeError):
        fine = False
    if not fine:
        raise refusal(account, field.name, f"is not scheme://host:port with a scheme of {', '.join(PROXY_SCHEMES)}")
    if parts.scheme.startswith("socks") and not all(map(importlib.util.find_spec, ("socks", "python_socks"))):
        raise MissingExtra("a SOCKS proxy", "socks", setting=field.name)


def ca_bundle(account: object, field: attrs.Attribute[Any], value: str | None) -> None:
    if value is None:
        return
    path = Path(value)
    try:
        if not path.is_file():
            raise refusal(account, field.name, f"names {value!r}, and there is no file of that name")
        content = path.read_bytes()
    except OSError as error:
        raise refusal(account, field.name, f"names {value!r}, which cannot be read: {error.strerror}") from None
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise refusal(account, field.name, f"names {value!r}, which has no certificate in PEM form")
