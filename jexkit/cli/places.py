"""TOML, and where in its text tables and keys stand, which the parser does not tell. The only file that imports it.

A statement (a table's header, or a key with its value) begins on a line of its own, and is whole as soon as the parser
takes it by itself. So the parser finds the statements, and reads the key out of each: nothing here knows TOML.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from jexkit.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Keys: TypeAlias = tuple[str, ...]

LONGEST_STATEMENT = 200  # lines; a key in PEM form has some 50
_FAULT = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)
# A key in a statement that no parser takes. What stands in front of "=" at the end of a line is more likely a piece of
# a secret in base64, which must not come back in a message.
_KEY = re.compile(r"""\s*["']?(?P<key>[\w.-]{1,60})["']?\s*=\s*[^\s=]""")
_HEADER = re.compile(r"\s*(?P<header>\[[^\]#]{1,100})")


@attrs.frozen
class Statement:
    """A header or a key with its value. ``content`` is None where the parser does not take it."""

    line: int  # its first
    text: str
    table: Keys  # that it is in; for a header, the one that it begins
    content: dict[str, Any] | None

    @property
    def is_header(self) -> bool:
        return self.text.lstrip().startswith("[")

    @property
    def where(self) -> str:
        """Table and key, as a message names them."""
        header = _HEADER.match(self.text)
        if header:
            return header["header"].rstrip() + "]"
        table = f"[{'.'.join(self.table)}]" if self.table else ""
        found = _KEY.match(self.text)
        key = found["key"] if found else "the line has no key"
        return ": ".join(filter(None, (table, key)))


def statements(text: str) -> Iterator[Statement]:
    """The statements of a text, in their order; empty lines and comments are statements without content."""
    lines = text.split("\n")
    table: Keys = ()
    begin = 0
    while begin < len(lines):
        end, content = _whole(lines, begin)
        statement = Statement(begin + 1, "\n".join(lines[begin:end]), table, content)
        if statement.is_header and content is not None:
            table = _path(content)
            statement = attrs.evolve(statement, table=table)
        yield statement
        begin = end


def _whole(lines: list[str], begin: int) -> tuple[int, dict[str, Any] | None]:
    """The end of the statement that begins there, and its content; if it has no end, that line alone."""
    for end in range(begin + 1, min(len(lines), begin + LONGEST_STATEMENT) + 1):
        try:
            return end, tomllib.loads("\n".join(lines[begin:end]))
        except tomllib.TOMLDecodeError:
            continue
    return begin + 1, None


def _path(content: Any) -> Keys:
    """The path of a table from the content of its header: ``{"accounts": {"desk": {}}}``."""
    path: list[str] = []
    while content:
        content = content[0] if isinstance(content, list) else content  # "[[accounts]]"
        if content:
            ((name, content),) = content.items()
            path.append(name)
    return tuple(path)


class Places:
    """Lines, counted from 1, by the path of a table or of a key in it."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Keys, int] = {}
        for statement in statements(_unified(text)):
            if statement.content is None:  # longer than any that makes sense; what comes after it has no line
                break
            within = () if statement.is_header else statement.table
            self._note(within, statement.content, statement.line)

    def _note(self, within: Keys, content: Any, line: int) -> None:
        if isinstance(content, dict):
            for key, value in content.items():  # an inline table and "a.b = 1" have all their keys on one line
                self._lines.setdefault((*within, key), line)
                self._note((*within, key), value, line)

    def line(self, *path: str) -> int:
        """The line of what is there; of the table around it where it is not."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def parse(text: str, path: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises ConfigurationError with line, column, table and key."""
    text = _unified(text)
    try:
        content: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _FAULT.fullmatch(str(error))
        what = match["what"] if match else str(error)
        line = int(match["line"]) if match and match["line"] else text.count("\n") + 1
        statement = statement_at(text, line)
        place = f"line {line}, column {match['column']}" if match and match["line"] else f"line {statement.line}"
        raise ConfigurationError(
            f"{path}, {place}: {statement.where}: {what}; write key = value, and a text in quotes"
        ) from None
    return content


def statement_at(text: str, line: int) -> Statement:
    """The statement that is on this line, or that an earlier line began and nothing ended."""
    before = "\n".join(_unified(text).split("\n")[:line])
    for statement in statements(before):
        if statement.content is None:
            break
    return statement


def _unified(text: str) -> str:
    return text.replace("\r\n", "\n")
