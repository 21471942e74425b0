"""Objects in a typed form: what is read of one sort of object, whatever the exchange calls it.

A shape is filled in one of two ways. The decoder fills it straight from the text of a message, without a dictionary in
between, and refuses the message if anything in it has another type than the documents say. ``filled`` fills it from an
object that is decoded already (an answer over REST, or a message that the decoder refused), one field after the other,
and takes an odd one for absent. What is read from the shape does not depend on which it was.

The decoder looks for the name of a member behind the one that it found last, then from the beginning. So the fields of
a shape stand in the order of the stream's messages: searching is a sixth of the decoder's work otherwise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from jexkit.core import exact, fields
from jexkit.core.exact import Amount, Shape, Time
from jexkit.core.fields import Message, Missing

S = TypeVar("S", bound=Shape)

Text: TypeAlias = str
TextOrNull: TypeAlias = str | None
Id: TypeAlias = int | str
"""A name that some write as a number."""
Flag: TypeAlias = bool
Truth: TypeAlias = bool | None
"""A flag that is not there is neither true nor false."""
Number: TypeAlias = Decimal | None
"""An amount that comes as a JSON number."""

Anything: TypeAlias = Any

NOT_SAID = "-"
"""Begins the names of members that no exchange sends."""

_READERS: Mapping[Any, Callable[[Message, str], Any]] = {
    Text: fields.text,
    TextOrNull: fields.text,
    Id: fields.text,
    Amount: lambda message, name: _written(fields.decimal(message, name)),
    Time: lambda message, name: fields.time_ms(message, name) or 0,
    Flag: fields.flag,
    Truth: lambda message, name: message[name] if isinstance(message.get(name), bool) else None,
    Number: fields.decimal,
    Anything: lambda message, name: message.get(name),
}


def named(base: type[S], tag: tuple[str, str] | None = None, /, **names: str | tuple[str, Any]) -> type[S]:
    """``base`` under an exchange's names; what is not named is not said by this sort of object.

    A name may come with the type of what stands there: a shape that is named itself, or a list of it. ``tag`` is for
    the decoder, which tells sorts of messages apart by it: the name of a member, and the word in it.
    """
    hints = _hints(base)
    written = {name: names.get(name, f"{NOT_SAID}{name}") for name in base.__struct_fields__}
    pairs = {name: word if isinstance(word, tuple) else (word, hints[name]) for name, word in written.items()}
    return exact.shape(base, [(name, kind, word) for name, (word, kind) in pairs.items()], tag)


def filled(kind: type[S], message: Message) -> S:
    """The shape of a decoded object. Never raises; what is absent, or of another type, is as if it were not said."""
    return kind(**{name: read(message, written) for name, written, read in _plan(kind)})


def needed(row: Shape, name: str) -> str:
    """The text or amount in a field without which the object says nothing. Raises Missing."""
    found: str = getattr(row, name)
    if not found:
        raise missing(row, name)
    return found


def needed_amount(row: Shape, name: str) -> Decimal:
    """The number in a field without which the object says nothing. Raises Missing; ArithmeticError for no amount."""
    number = exact.number(getattr(row, name))
    if number is None:
        raise missing_amount(row, name)
    return number


def missing(row: Shape, name: str) -> Missing:
    """To be raised for a field that is empty, and without which the object says nothing."""
    return Missing(f"the message has no {written_name(row, name)}")


def missing_amount(row: Shape, name: str) -> Missing:
    """The same for an amount."""
    return Missing(f"the message has no amount in {written_name(row, name)}")


def written_name(row: Shape, name: str) -> str:
    """What the exchange calls it."""
    return row.__struct_encode_fields__[row.__struct_fields__.index(name)]


@functools.cache
def _plan(kind: type[Shape]) -> tuple[tuple[str, str, Callable[[Message, str], Any]], ...]:
    """Which fields are said, under which names, and how each is read."""
    hints = _hints(kind)
    pairs = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    return tuple((name, written, _reader(hints[name])) for name, written in pairs if not written.startswith(NOT_SAID))


def _hints(kind: type[Shape]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _reader(hint: Any) -> Callable[[Message, str], Any]:
    if hint in _READERS:
        return _READERS[hint]
    return _rows_of(*get_args(hint)) if get_origin(hint) is list else _row_of(hint)


def _row_of(kind: type[Shape]) -> Callable[[Message, str], Any]:
    def read(message: Message, name: str) -> Shape | None:
        found = message.get(name)
        return filled(kind, found) if isinstance(found, dict) else None

    return read


def _rows_of(kind: type[Shape]) -> Callable[[Message, str], Any]:
    """Each object of a list, None for what is none; a single object is as good as a list of one."""

    def read(message: Message, name: str) -> list[Shape | None]:
        found = message.get(name, [])
        rows = found if isinstance(found, list) else [found]
        return [filled(kind, row) if isinstance(row, dict) else None for row in rows]

    return read


def _written(number: Decimal | None) -> str:
    return "" if number is None else format(number, "f")
