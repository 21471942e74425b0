"""The import law: who may know whom.

::

    errors events names arguments checks keys accounts session  <-  core  <-  logs
        <-  exchanges | engine | journal  <-  rest manager stream listening  <-  cli contrib testing

Exchanges know neither the engine nor one another, the engine knows no exchange, and the simulator knows nothing of the
library that it tests.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parent.parent

BASE, CORE, LOGS, MIDDLE, FACE, AROUND = range(6)
TIERS = {
    **dict.fromkeys(
        ("_version", "errors", "events", "names", "arguments", "checks", "keys", "accounts", "session"), BASE
    ),
    "core": CORE,
    "logs": LOGS,
    **dict.fromkeys(("exchanges", "engine", "journal"), MIDDLE),
    **dict.fromkeys(("", "listening", "rest", "manager", "running", "stream"), FACE),
    **dict.fromkeys(("cli", "__main__", "contrib", "testing"), AROUND),
}
"""The first part of a module's name after ``jexkit.`` and its tier; ``""`` is the package itself."""

IMPURE = frozenset(
    {
        *("time", "random", "secrets", "uuid"),
        *("socket", "ssl", "select", "selectors", "http", "urllib.request", "requests", "websocket"),
        *("threading", "queue", "asyncio", "concurrent", "multiprocessing", "subprocess", "signal", "apscheduler"),
        *("logging", "jexkit.logs", "os", "sys", "io", "pathlib", "importlib", "builtins"),
    }
)
"""What nothing under core/ and exchanges/ may import: clocks, sockets, threads, loggers, chance, and the machine."""
CLOCK_READS = frozenset({"now", "utcnow", "today", "localtime", "formatdate"})
"""Names that mean a look at the clock, called or handed on, whatever they are looked up in."""
CLOCK_CALLS = frozenset(
    {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "gmtime"}
)
"""Names that mean it where they are called; ``now.monotonic`` without a call is a number that was handed in."""

LOADERS = frozenset({"import_module", "__import__"})
"""Functions that import what is named in their first argument."""
BACK_DOORS = frozenset({"exec", "eval", "spec_from_file_location", "exec_module", "run_module", "run_path", "reload"})
"""What runs code that no reader of this file can see."""
UNREADABLE = "what cannot be read here"

SHARED = frozenset({"attrs", "attr"})
"""Third-party packages that are part of the language here; every other is imported in one file."""


@attrs.frozen
class Import:
    """One imported module, and where."""

    file: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def sources() -> dict[str, str]:
    """Every file of the package, by its path from the root."""
    return {
        str(path.relative_to(ROOT).as_posix()): path.read_text("utf-8")
        for path in sorted((ROOT / "jexkit").rglob("*.py"))
    }


def module_name(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@functools.cache
def nodes_of(text: str) -> tuple[ast.AST, ...]:
    """All parts of a file, read once for all the tests."""
    return tuple(ast.walk(ast.parse(text)))


def imports_of(file: str, text: str, known: frozenset[str]) -> Iterator[Import]:
    """All imports of a file, those inside functions too; ``from a import b`` names ``a.b`` where that is a module."""
    for node in nodes_of(text):
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parts = module_name(file).split(".")
                keep = len(parts) - node.level + (1 if file.endswith("__init__.py") else 0)
                origin = ".".join([*parts[:keep], *([origin] if origin else [])])
            for alias in node.names:
                whole = f"{origin}.{alias.name}"
                yield Import(file, node.lineno, whole if whole in known or origin == "urllib" else origin)
    yield from _calls_that_import(file, text)


def _calls_that_import(file: str, text: str) -> Iterator[Import]:
    """Imports by a call. One whose name is put together counts as an import of the part that is written down:
    ``import_module(f"jexkit.exchanges.{name}.rest")`` is one of ``jexkit.exchanges``.
    """
    called = {node.func for node in nodes_of(text) if isinstance(node, ast.Call)}
    for node in nodes_of(text):
        if isinstance(node, ast.Call) and _name(node.func) in LOADERS:
            yield Import(file, node.lineno, _written_module(node))
        elif isinstance(node, ast.ImportFrom):
            renamed = [alias for alias in node.names if alias.name in LOADERS | BACK_DOORS and alias.asname]
            yield from (Import(file, node.lineno, UNREADABLE) for _ in renamed)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            is_handed_on = _name(node) in LOADERS and node not in called
            if is_handed_on or _name(node) in BACK_DOORS:
                yield Import(file, node.lineno, UNREADABLE)
        elif isinstance(node, ast.Constant) and node.value in LOADERS:  # getattr(importlib, "import_module")
            yield Import(file, node.lineno, UNREADABLE)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _written_module(call: ast.Call) -> str:
    """The module that a call imports, as far as it is written down; UNREADABLE where nothing is."""
    name = call.args[0] if call.args else None
    if isinstance(name, ast.JoinedStr) and isinstance(name.values[0], ast.Constant):
        text = str(name.values[0].value).rpartition(".")[0]
    else:
        text = name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""
    return UNREADABLE if not text or text.startswith(".") else text


def all_imports(files: Mapping[str, str]) -> list[Import]:
    known = frozenset(module_name(file) for file in files)
    return [found for file, text in files.items() for found in imports_of(file, text, known)]


def group(module: str) -> tuple[str, ...]:
    """What a module belongs to, and may import freely from: its first part, for exchanges the exchange too."""
    parts = module.split(".")[1:]
    if not parts:
        return ("",)
    return tuple(parts[:2]) if parts[0] == "exchanges" else (parts[0],)


def breaks_order(found: Import) -> bool:
    """Whether an import goes upwards, sideways, into or out of the simulator, or nobody knows where."""
    if found.module == UNREADABLE:
        return True
    if found.module.split(".")[0] != "jexkit":
        return False
    here, there = group(module_name(found.file)), group(found.module)
    if here == there or there == ("_version",):
        return False
    if "sim" in (here[0], there[0]):
        return here[0] == "sim" or TIERS[here[0]] < AROUND
    if here[0] not in TIERS or there[0] not in TIERS:
        return True
    if TIERS[here[0]] == BASE == TIERS[there[0]]:
        return here[0] in ("errors", "events")  # these two know nothing at all
    if TIERS[here[0]] == FACE == TIERS[there[0]] or TIERS[here[0]] == AROUND == TIERS[there[0]]:
        return False
    return TIERS[there[0]] >= TIERS[here[0]]


def upward_imports(files: Mapping[str, str]) -> list[str]:
    return [str(found) for found in all_imports(files) if breaks_order(found)]


def impurities(files: Mapping[str, str]) -> list[str]:
    """Imports of clocks, sockets and the like under core/ and exchanges/, and readings of the clock by other ways."""
    pure = {file: text for file, text in files.items() if file.startswith(("jexkit/core/", "jexkit/exchanges/"))}
    forbidden = IMPURE | {UNREADABLE}
    imports = (found for found in all_imports(pure) if {found.module, found.module.split(".")[0]} & forbidden)
    return [*map(str, imports), *(read for file, text in pure.items() for read in _clock_reads(file, text))]


def _clock_reads(file: str, text: str) -> Iterator[str]:
    for node in nodes_of(text):
        names: list[str] = []
        if isinstance(node, ast.Attribute) and node.attr in CLOCK_READS:
            names = [node.attr]
        elif isinstance(node, ast.Call) and _name(node.func) in CLOCK_CALLS:
            names = [f"{_name(node.func)}()"]
        elif isinstance(node, ast.Call) and _name(node.func) == "getattr":
            names = [
                str(word.value) for word in node.args if isinstance(word, ast.Constant) and word.value in CLOCK_READS
            ]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names if alias.name in CLOCK_READS]
        yield from (f"{file}:{node.lineno} reads the clock: {name}" for name in names)


def scattered(files: Mapping[str, str]) -> dict[str, list[str]]:
    """Third-party packages that more than one place of the library proper imports, with those places."""
    users: dict[str, set[str]] = defaultdict(set)
    for found in all_imports(files):
        package = found.module.split(".")[0]
        outside = found.file.startswith(("jexkit/sim/", "jexkit/cli/", "jexkit/testing/"))
        if package not in sys.stdlib_module_names and package != "jexkit" and package not in SHARED and not outside:
            users[package].add(_place(found.file))
    return {package: sorted(where) for package, where in users.items() if len(where) > 1}


def _place(file: str) -> str:
    """The file; under contrib/ the folder of a framework, such as Django, that wants its parts in files of its own."""
    parts = file.split("/")
    return "/".join(parts[:3]) if parts[:2] == ["jexkit", "contrib"] else file


def exchange_questions(files: Mapping[str, str]) -> list[str]:
    """Comparisons of something called ``exchange`` with a text, outside exchanges/ and the simulator."""
    return [
        f"{file}:{node.lineno} asks which exchange it is"
        for file, text in files.items()
        if not file.startswith(("jexkit/exchanges/", "jexkit/sim/"))
        for node in nodes_of(text)
        if isinstance(node, ast.Compare) and _asks_for_exchange(node)
    ]


def _asks_for_exchange(node: ast.Compare) -> bool:
    sides = [node.left, *node.comparators]
    names = {side.attr if isinstance(side, ast.Attribute) else getattr(side, "id", "") for side in sides}
    return bool(names & {"exchange", "venue"}) and any(_is_text(side) for side in sides)


def _is_text(side: ast.expr) -> bool:
    if isinstance(side, (ast.Tuple, ast.List, ast.Set)):
        return any(_is_text(item) for item in side.elts)
    return isinstance(side, ast.Constant) and isinstance(side.value, str) and bool(side.value)


# --- the law ----------------------------------------------------------------------------------------------------------


def test_no_import_goes_upwards_or_sideways() -> None:
    """Each tier imports only what lies below it, and no exchange another one."""
    assert upward_imports(sources()) == []


def test_core_and_exchanges_are_pure() -> None:
    """Nothing there can look at a clock, open a socket, start a thread, log, or throw dice."""
    assert impurities(sources()) == []


def test_each_third_party_package_is_imported_in_one_file() -> None:
    """Whoever replaces one of them edits one file."""
    assert scattered(sources()) == {}


def test_only_an_exchange_knows_its_name() -> None:
    """No shared code asks which exchange it is dealing with."""
    assert exchange_questions(sources()) == []


def test_every_module_has_its_place() -> None:
    """A new folder or file at the top has to be given a tier."""
    names = {group(module_name(file))[0] for file in sources()} - {"sim"}
    assert names <= TIERS.keys()


# --- the law can be broken --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("jexkit/errors.py", "from jexkit import events"),
        ("jexkit/events.py", "import jexkit.errors"),
        ("jexkit/accounts.py", "from jexkit.core import exact"),
        ("jexkit/session.py", "from jexkit.engine.clock import Clock"),
        ("jexkit/core/book.py", "from jexkit.engine import clock"),
        ("jexkit/core/book.py", "import jexkit.exchanges.jex.wire"),
        ("jexkit/core/book.py", "from jexkit import StreamManager"),
        ("jexkit/exchanges/jex/wire.py", "from jexkit.exchanges.deribit import wire"),
        ("jexkit/exchanges/jex/wire.py", "from ..deribit import wire"),
        ("jexkit/exchanges/jex/wire.py", "from jexkit.engine.http import HttpClient"),
        ("jexkit/exchanges/jex/wire.py", "def late():\n    from jexkit import rest"),
        ("jexkit/engine/reader.py", "from jexkit.exchanges.jex.protocol import Session"),
        ("jexkit/engine/reader.py", "from jexkit.stream import Stream"),
        ("jexkit/manager.py", "import jexkit.cli"),
        ("jexkit/rest.py", "from jexkit.testing import clock"),
        ("jexkit/manager.py", "from jexkit.sim import Simulator"),
        ("jexkit/sim/venue.py", "from jexkit.core import exact"),
        ("jexkit/sim/venue.py", "from jexkit import errors"),
        ("jexkit/engine/reader.py", 'importlib.import_module("jexkit.exchanges.jex.protocol")'),
        ("jexkit/engine/reader.py", 'import_module(f"jexkit.exchanges.{name}.protocol")'),
        ("jexkit/engine/reader.py", '__import__("jexkit.stream")'),
        ("jexkit/sim/venue.py", 'def late():\n    return builtins.__import__("jexkit.errors")'),
        ("jexkit/manager.py", 'importlib.import_module("jexkit.cli")'),
        ("jexkit/manager.py", "importlib.import_module(name)"),
        ("jexkit/manager.py", 'importlib.import_module(f"{package}.exchanges.jex")'),
        ("jexkit/manager.py", 'importlib.import_module(".rest", "jexkit")'),
        ("jexkit/manager.py", "load = importlib.import_module"),
        ("jexkit/manager.py", "from importlib import import_module as load"),
        ("jexkit/manager.py", 'getattr(importlib, "import_module")'),
        ("jexkit/manager.py", 'exec("import jexkit.cli")'),
    ],
)
def test_a_planted_import_is_found(file: str, line: str) -> None:
    """Each of these, put into that file, breaks the law."""
    files = sources()
    files[file] = line
    assert len(upward_imports(files)) == 1


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("jexkit/engine/reader.py", "from jexkit.core.values import Open"),
        ("jexkit/exchanges/jex/wire.py", "from jexkit.exchanges.jex import signing"),
        ("jexkit/testing/plugin.py", "from jexkit.sim import Simulator"),
        ("jexkit/cli/main.py", "from jexkit import StreamManager"),
        ("jexkit/accounts.py", "from jexkit.keys import SigningKey"),
        ("jexkit/manager.py", 'importlib.import_module(f"jexkit.exchanges.{account.exchange}.protocol")'),
        ("jexkit/cli/main.py", '__import__("jexkit.sim")'),
    ],
)
def test_a_lawful_import_is_let_through(file: str, line: str) -> None:
    """The checker does not cry wolf."""
    files = sources()
    files[file] = line
    assert upward_imports(files) == []


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from time import monotonic",
        "import urllib.request",
        "from urllib import request",
        "import concurrent.futures",
        "def late():\n    import logging",
        "from datetime import datetime\nnow = datetime.now()",
        "from datetime import datetime as moment\nnow = moment.utcnow()",
        "import datetime\nnow = datetime.datetime.now(datetime.timezone.utc)",
        "import datetime as calendar\nnow = calendar.date.today()",
        "from datetime import datetime\nclock = datetime.now",
        'from datetime import datetime\nclock = getattr(datetime, "now")',
        "from email.utils import localtime",
        "import email.utils\nnow = email.utils.time.time()",
        "import email.utils\nnow = email.utils.time.monotonic()",
        "import importlib",
        "from importlib import import_module",
        '__import__("time")',
        "__import__(name)",
        'eval("1")',
    ],
)
def test_a_planted_impurity_is_found(line: str) -> None:
    """Each of these, put into an exchange's file, breaks the law."""
    files = sources()
    files["jexkit/exchanges/jex/wire.py"] = line
    assert len(impurities(files)) == 1


def test_a_second_user_of_a_package_is_found() -> None:
    """requests belongs to engine/http.py alone."""
    files = sources()
    files["jexkit/rest.py"] = "import requests"
    assert scattered(files) == {"requests": ["jexkit/engine/http.py", "jexkit/rest.py"]}


def test_a_framework_has_one_place_in_contrib() -> None:
    """Django may be imported all over its folder, and nowhere beside it."""
    files = sources()
    assert _place("jexkit/contrib/django/management/commands/jexkit.py") == "jexkit/contrib/django"
    files["jexkit/contrib/handlers.py"] = "from django.db import models"
    assert scattered(files) == {"django": ["jexkit/contrib/django", "jexkit/contrib/handlers.py"]}


@pytest.mark.parametrize(
    "line",
    ['if account.exchange == "jex": pass', 'if exchange in ("jex", "deribit"): pass', 'if "jex" != exchange: pass'],
)
def test_a_question_for_the_exchange_is_found(line: str) -> None:
    """However the question is put."""
    assert len(exchange_questions({"jexkit/manager.py": line})) == 1
