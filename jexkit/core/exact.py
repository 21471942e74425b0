"""JSON and decimal numbers without a rounding anywhere. The only file that imports msgspec.

A number on the wire becomes a ``Decimal`` of exactly its digits: a JSON number never passes through a binary float, and
the program's own decimal context (precision, traps) has no influence here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Clamped, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, Rounded, Subnormal
from typing import Annotated, Any, TypeAlias, TypeVar, get_type_hints

import msgspec

# Wide enough for any sum or product of two amounts; results are exact, not rounded to the host's context.
_CONTEXT = Context(prec=120, traps=[InvalidOperation, DivisionByZero, Overflow])
# A quotient has no exact form in general; 34 digits is what decimal128 keeps.
_QUOTIENT = Context(prec=34)
# No amount has more digits than this on either side of the point; beyond it "1e999999999" would be a memory bomb.
_MAX_EXPONENT = 60

_as_decimal = _CONTEXT.create_decimal  # takes neither blanks nor underscores, unlike Decimal itself

# Complains of any number that goes beyond that, instead of rounding it.
_BOUNDED = Context(
    prec=_MAX_EXPONENT,
    Emax=_MAX_EXPONENT,
    Emin=-_MAX_EXPONENT,
    traps=[InvalidOperation, Rounded, Overflow, Subnormal, Clamped],
)

_is_finite = Decimal.is_finite

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_packer = msgspec.json.Encoder()  # Decimals as text
_unpackers: dict[type[Any], msgspec.json.Decoder[Any]] = {}
_row_decoders: dict[tuple[type[Any], tuple[str, ...], tuple[str, ...]], msgspec.json.Decoder[Any]] = {}

T = TypeVar("T")

MISFITS = (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, RecursionError)
"""What a typed decoder, and the making of amounts of what it decoded, may raise."""


class Shape(msgspec.Struct, gc=False):
    """Base of what JSON is decoded into field by field, each of its own type; see ``shapes``."""


Raw = msgspec.Raw
"""A part of a message that another decoder is to read."""
Amount: TypeAlias = Annotated[str, msgspec.Meta(max_length=_MAX_EXPONENT)]
"""The text of an amount as it came; ``amounts`` has the number."""
Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=10**14)]
"""Milliseconds since 1970 that a calendar can hold, 0 for none."""


class NotPlain(ArithmeticError):
    """A text is no amount, or one in a spelling that no exchange uses: with an exponent, blanks, NaN."""


_PLAIN = "-.0123456789"
_REMEMBERED = 8_000  # texts of each sort, for all streams together: 1.5 MB of numbers, 2 MB of those with spellings


def number(text: str) -> Decimal | None:
    """The number in a text, None in the empty one. Raises ArithmeticError for what is no amount, or oddly spelled.

    For what hardly comes twice, such as the total of a wallet: ``amounts`` would remember it in vain.
    """
    if text.strip(_PLAIN):
        raise NotPlain(text)
    return _as_decimal(text) if text else None


def spelling(text: str) -> str:
    """The one spelling (see ``plain``) of the number in a text that ``number`` takes."""
    shortest = text.rstrip("0").rstrip(".") if "." in text else text
    first = shortest[1:2] if shortest[:1] == "-" else shortest[:1]
    # What begins with a zero, or a point, is nothing or has several spellings.
    return shortest if "1" <= first <= "9" else plain(number(text))


class _Amounts(dict[str, "Decimal | None"]):
    """The numbers in texts, as ``number`` has them, for those that come again and again.

    An order's price and quantity come with every message about it, and most other amounts are zero: to look up a text
    that came lately takes a tenth of the time of reading it. All are forgotten together, when they are many. Threads
    may share it: each step is one of a dictionary's own.
    """

    def __missing__(self, text: str) -> Decimal | None:
        self[text] = found = number(text)
        if len(self) > _REMEMBERED:
            self.clear()
        return found


class _Spelled(dict[str, "tuple[Decimal | None, str]"]):
    """The same, each with the one spelling that it has in identities."""

    def __missing__(self, text: str) -> tuple[Decimal | None, str]:
        self[text] = found = number(text), spelling(text)
        if len(self) > _REMEMBERED:
            self.clear()
        return found


amounts: Mapping[str, Decimal | None] = _Amounts()
spelled: Mapping[str, tuple[Decimal | None, str]] = _Spelled()


class NotJson(ValueError):
    """The text is not JSON."""


def decode(text: bytes | str) -> Any:
    """The value of a JSON text; numbers with a point or exponent as Decimal, others as int. Raises NotJson."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation, RecursionError) as error:
        raise NotJson(str(error)) from None


def shape(base: type[Shape], fields: Iterable[tuple[str, Any, str]], tag: tuple[str, str] | None) -> type[Any]:
    """``base`` anew, its fields under other names and of other types: their own name, the type, the name in JSON.

    ``tag`` is a member of the object, and what must stand in it.
    """
    defaults = {field.name: field.default for field in msgspec.structs.fields(base)}
    anew = [(name, kind, msgspec.field(default=defaults[name], name=written)) for name, kind, written in fields]
    tag_field, tagged = tag or (None, None)
    return msgspec.defstruct(base.__name__, anew, bases=(base,), tag_field=tag_field, tag=tagged, gc=False)


def decoder(kind: Any) -> Callable[[bytes | str | Raw], Any]:
    """Decodes text into a shape, or a union of tagged ones; one of ``MISFITS`` where the text is not of that form."""
    return msgspec.json.Decoder(kind).decode


def encode(value: Any) -> str:
    """JSON text of ``value``; Decimals as numbers with all their digits."""
    return _encoder.encode(value).decode()


def pack(record: Any) -> str:
    """JSON text of an attrs record, its Decimals as text with all their digits; ``unpack`` makes it one again."""
    try:
        return _packer.encode(record).decode()
    except UnicodeEncodeError:
        return storable(json.dumps(msgspec.to_builtins(record), ensure_ascii=False))


def storable(text: str) -> str:
    """The text without halves of surrogate pairs: each is no text by itself, and nothing could read it back."""
    return text.encode("utf-8", "replace").decode()


def unpack(text: bytes | str, kind: type[T]) -> T:
    """The record of this class that ``pack`` wrote. Raises NotJson."""
    try:
        record: T = _unpacker(kind).decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation, RecursionError) as error:
        raise NotJson(str(error)) from None
    return record


def unpack_row(text: str, kind: type[T], listed: tuple[str, ...], apart: Mapping[str, Any]) -> T:
    """The record of this class that has the values ``apart``, and of the fields ``listed`` those in a JSON list, as
    ``pack`` writes it. Raises NotJson. A field that the class does not have any more is passed over.
    """
    try:
        row = _row_decoder(kind, listed, tuple(apart)).decode(text)
        for name, value in apart.items():
            setattr(row, name, value)
        record: T = msgspec.convert(row, kind, from_attributes=True)
    except (msgspec.DecodeError, InvalidOperation, RecursionError) as error:
        raise NotJson(str(error)) from None
    return record


def _row_decoder(kind: type[Any], listed: tuple[str, ...], apart: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """Of a shape that has the fields of the list, of their types in the class, and room for the others."""
    key = (kind, listed, apart)
    if key not in _row_decoders:
        hints = get_type_hints(kind)
        first: list[tuple[str, Any]] = [(name, hints.get(name, Any)) for name in listed]
        others: list[tuple[str, Any, Any]] = [(name, Any, None) for name in apart]
        row = msgspec.defstruct(kind.__name__, [*first, *others], array_like=True, gc=False)
        _row_decoders[key] = msgspec.json.Decoder(row)
    return _row_decoders[key]


def _unpacker(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    if kind not in _unpackers:
        _unpackers[kind] = msgspec.json.Decoder(kind)
    return _unpackers[kind]


def decimal(value: Any) -> Decimal | None:
    """The exact amount in ``value`` (text, int or Decimal), or None if there is none in it."""
    if isinstance(value, str):
        if not value.isascii() or "_" in value:  # Decimal would take other scripts' digits, and 1_0 for 10
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            return None
    elif isinstance(value, Decimal):
        number = value
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    else:
        return None
    return number if is_sane(number) else None


add: Callable[[Decimal, Decimal], Decimal] = _CONTEXT.add
subtract: Callable[[Decimal, Decimal], Decimal] = _CONTEXT.subtract
multiply: Callable[[Decimal, Decimal], Decimal] = _CONTEXT.multiply


def divide(left: Decimal, right: Decimal) -> Decimal | None:
    """``left / right`` to 34 digits, or None where ``right`` is zero."""
    return _QUOTIENT.divide(left, right) if right else None


def is_sane(number: Decimal) -> bool:
    """Whether it is a number, and one that can be written out."""
    try:
        return _BOUNDED.plus(number).is_finite()
    except ArithmeticError:
        return False


def are_sane(numbers: tuple[Decimal | None, ...]) -> bool:
    """Whether all of them are; quick where none is None."""
    try:
        return all(map(_is_finite, map(_BOUNDED.plus, numbers)))  # type: ignore[arg-type]
    except TypeError:
        return are_sane(tuple(number for number in numbers if number is not None))
    except ArithmeticError:
        return False


def plain(number: Decimal | None) -> str:
    """One spelling for equal amounts (``1.50`` and ``1.5``), for use in identities. Empty for None."""
    if not number:
        return "" if number is None else "0"
    text = str(number)
    if "E" in text:
        return format(number.normalize(_CONTEXT), "f")
    if text[-1] == "0" and "." in text:
        return text.rstrip("0").rstrip(".")
    return text
