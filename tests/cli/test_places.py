"""Where things stand in a TOML file."""

from pathlib import Path

import pytest

from jexkit.cli.places import LONGEST_STATEMENT, Places, parse
from jexkit.errors import ConfigurationError

TEXT = """# accounts
[accounts.desk]
exchange = "deribit"   # a comment

  "client_id" = "abc"
[ accounts . "two words" ]  # another
exchange = "jex"
pem = '''
[not a header
key = 5
'''
[accounts]
inline = { exchange = "jex" }
dotted.deep.exchange = "jex"
[accounts.lists]
symbols = [
  "exchange = 1",
]
proxy = ""
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("accounts", "desk"), 2),
        (("accounts", "desk", "exchange"), 3),
        (("accounts", "desk", "client_id"), 5),
        (("accounts", "two words", "exchange"), 7),
        (("accounts", "two words", "pem"), 8),
        (("accounts", "two words", "key"), 6),
        (("accounts", "desk", "absent"), 2),
        (("accounts", "inline", "exchange"), 13),
        (("accounts", "dotted", "deep", "exchange"), 14),
        (("accounts", "lists", "symbols"), 16),
        (("accounts", "lists", "proxy"), 19),
        (("nowhere", "at all"), 1),
    ],
)
def test_lines_of_tables_and_keys(path: tuple[str, ...], line: int) -> None:
    """The line of the key, else of its table, else of where the table is written; text that looks like one is none."""
    assert Places(TEXT).line(*path) == line
    assert Places(TEXT.replace("\n", "\r\n")).line(*path) == line


def test_a_separator_of_unicode_is_no_new_line() -> None:
    """Lines are counted as the parser and every editor do."""
    assert Places("# one\u2028still one\nkey = 1\n").line("key") == 2


def test_after_an_endless_statement_the_line_is_that_of_the_table() -> None:
    """It is not searched through; what is known is told."""
    rows = "".join(f"  {number},\n" for number in range(LONGEST_STATEMENT))
    places = Places(f"[table]\na = 1\nb = [\n{rows}]\nc = 2\n")
    assert (places.line("table", "a"), places.line("table", "c")) == (2, 1)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[accounts.a]\nexchange = deribit\n", "line 2, column 12: [accounts.a]: exchange: "),
        ('[accounts.a]\nexchange = "deribit', "line 2: [accounts.a]: exchange: "),
        ("[accounts.a\n", "line 1, column 12: [accounts.a]: "),
        ("x = 1\nx = 2\n", "line 2, column 6: x: "),
        ("[a]\n[b]\n[a]\nx = 1\n", "line 3, column 3: [a]: "),
        ('[a]\npem = """\nMIIE\n\n[b]\nx = 1\n', "line 2: [a]: pem: "),
        ("[a]\nsymbols = [1,\n2\n3]\n", "line 4, column 1: [a]: symbols: "),
        ("[a]\nclient_id\n", "line 2, column 10: [a]: the line has no key: "),
        ("[a]\nproxy =\n", "line 2, column 8: [a]: the line has no key: "),
        ('[a]\n"client id" = x\n', "line 2, column 15: [a]: the line has no key: "),
    ],
)
def test_faults_in_the_syntax_have_line_table_and_key(text: str, where: str) -> None:
    """And say how a line is written. Where the parser only says "at the end", it is where the open value begins."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text, Path("desk.toml"))
    assert str(caught.value).startswith(f"desk.toml, {where}")
    assert str(caught.value).endswith("; write key = value, and a text in quotes")


@pytest.mark.parametrize(
    "text", ["c2VjcmV0\n", "c2VjcmV0c2VjcmV0==\n", "c2VjcmV0 =\n", '[a]\nkey = "x"c2VjcmV0\n', "key = c2VjcmV0"]
)
def test_a_fault_repeats_no_secret(text: str) -> None:
    """A key that lost its quotes or its name does not come back."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text, Path("desk.toml"))
    assert "c2VjcmV0" not in str(caught.value)
