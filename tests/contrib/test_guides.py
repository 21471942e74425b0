"""The pages for Django, Flask and Celery, followed to the letter: their files written, their commands run, in order.

A block of ``sh`` runs to its end with code 0; one of ``bash`` is a process that stays until the page is done. An engine
for containers need not be here: of a ``dockerfile`` what it copies has to be there, what it runs is run, and its
command is a process that stays, all in the folder of the page.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sysconfig
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contrib import needs

needs.packages("django", "celery", "django", "dramatiq", "flask", "gunicorn", "huey", "redis", "rq")

from redis import Redis

from jexkit.errors import TryLater
from jexkit.sim import Simulator
from jexkit.testing.conformance.journal import fill
from tests.cli.commands import ROOT, WITHIN, Program, children_of
from tests.cli.commands import environment as clean
from tests.contrib.servers import connections, end_children, environment, eventually, free_port

pytestmark = pytest.mark.web

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (add to )?(\S+\.(?:py|txt))\n")
STAY = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"
PIP = "#!/bin/sh\n# Everything is installed already.\n"
DATABASES = range(1, 16)  # of Redis; 0 is what other programs use
CLAIM = "jexkit-tests"  # a key that another run of these tests, at the same time, has set
CLAIMED_FOR = 900  # seconds; longer than a test takes


class Guide:
    """Somebody who follows a page in an empty folder."""

    def __init__(self, page: str, folder: Path, variables: dict[str, str]) -> None:
        self.blocks = FENCE.findall((ROOT / "docs" / page).read_text("utf-8"))
        self.folder = folder
        self.port = str(free_port())
        (folder / "bin").mkdir()
        pip = folder / "bin/pip"
        pip.write_text(PIP, "utf-8")
        pip.chmod(0o755)
        path = os.pathsep.join([str(folder / "bin"), sysconfig.get_path("scripts"), os.environ["PATH"]])
        self.variables = {name: value for name, value in variables.items() if name != "DJANGO_SETTINGS_MODULE"}
        self.variables |= {"PATH": path, "PYTHONPATH": f"{variables['PYTHONPATH']}{os.pathsep}{folder}"}
        self.running: list[Program] = []

    def follow(self, staying: ExitStack) -> None:
        for kind, text in self.blocks:
            if kind in ("python", "text"):
                self.write(text.replace("8000", self.port))
            elif kind == "sh":
                for command in text.splitlines():
                    self.run(command.replace("8000", self.port))
            elif kind == "bash":
                self.stay(staying, *text.strip().replace("8000", self.port).split())
            elif kind == "dockerfile":
                for line in text.splitlines():
                    self.build(staying, *line.split(maxsplit=1))

    def write(self, text: str) -> None:
        match = FILE.match(text)
        assert match, f"a block of Python that says no file: {text[:60]}"
        path = self.folder / match[2]
        before = path.read_text("utf-8") if match[1] else ""
        path.write_text(before + text, "utf-8")

    def run(self, command: str) -> None:
        """Once more and again, as one does who has just started the thing that is asked about."""
        ended: list[subprocess.CompletedProcess[str]] = []

        def is_fine() -> bool:
            variables = clean(**self.variables)
            variables.pop("DJANGO_SETTINGS_MODULE", None)
            ended[:] = [
                subprocess.run(
                    command,
                    shell=True,
                    cwd=self.folder,
                    env=variables,
                    capture_output=True,
                    text=True,
                    timeout=WITHIN,
                    check=False,
                )
            ]
            patient = any(word in command for word in ("status", "curl"))
            assert patient or ended[0].returncode == 0, f"{command}: {ended[0].stdout}{ended[0].stderr}"
            return ended[0].returncode == 0

        eventually(is_fine, f"{command} never ends well")

    def build(self, staying: ExitStack, instruction: str, rest: str) -> None:
        if instruction == "COPY":
            source, _ = rest.split()
            assert (self.folder / source).exists(), f"the page has made no {source}"
        elif instruction == "RUN":
            self.run(rest)
        elif instruction == "CMD":
            self.stay(staying, *json.loads(rest))  # no JSON: then a shell would be between it and the signals
            self.wait_for(self.running[-1])
        else:
            assert instruction in ("FROM", "WORKDIR", "USER", "VOLUME")

    def wait_for(self, program: Program) -> None:
        """Until it looks after signals, which it says by what it follows, or shows by the pool that it has forked."""
        while "jexkit: following" not in (line := program.line()):
            if "[queues]" in line:
                eventually(lambda: len(children_of(program.pid)) >= 4, "it never forks its pool")
                break

    def stay(self, staying: ExitStack, *command: str) -> None:
        program = Program("-c", STAY, *command, cwd=self.folder, **self.variables)
        self.running.append(staying.enter_context(program))
        staying.callback(end_children, program)

    def end(self) -> None:
        """As systemd and containers do it; every program ends well."""
        for program in self.running:
            program.signal(15)
            assert program.wait() == 0, program.complaints()


@pytest.fixture
def staying(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def broker() -> Iterator[str]:
    """A database of Redis for this test alone."""
    address = f"{needs.redis()}/{_claimed(needs.redis())}"
    with Redis.from_url(address) as redis:
        before = set(redis.keys("*"))
    yield address
    with Redis.from_url(address) as redis:
        for key in {*redis.keys("*")} - before | {CLAIM.encode()}:
            redis.delete(key)


def _claimed(address: str) -> int:
    """The number of a database that nobody else uses at the moment."""
    for number in DATABASES:
        with Redis.from_url(f"{address}/{number}") as redis:
            if redis.set(CLAIM, os.getpid(), nx=True, ex=CLAIMED_FOR):
                return number
    raise AssertionError("every database of this Redis is in use")


@pytest.mark.parametrize("page", ["django.md", "flask.md"])
def test_the_page_works(sim: Simulator, tmp_path: Path, staying: ExitStack, page: str) -> None:
    """From an empty folder to web workers beside one process that holds the stream."""
    guide = Guide(page, tmp_path, environment(sim))
    guide.follow(staying)
    assert connections(sim) == 1
    guide.end()


@pytest.mark.parametrize("page", ["django.md", "flask.md", "celery.md"])
def test_the_unit_for_systemd_runs_what_the_page_runs(page: str) -> None:
    """Its command is that of the page, and it is given more time to stop than jexkit takes."""
    blocks = FENCE.findall((ROOT / "docs" / page).read_text("utf-8"))
    (unit,) = [text for kind, text in blocks if kind == "ini"]
    parsed = configparser.ConfigParser()
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string(unit)
    command = parsed["Service"]["ExecStart"].rpartition("/bin/")[2]
    assert f"{command}\n" in [text for kind, text in blocks if kind == "bash"]
    assert parsed["Service"].getint("TimeoutStopSec") > 10
    assert page == "celery.md" or parsed["Service"]["RestartPreventExitStatus"] == "2"  # which Celery does not have


@pytest.mark.parametrize("page", ["django.md", "flask.md", "celery.md"])
def test_the_container_runs_what_the_page_runs(page: str) -> None:
    """Its command is that of the page, without a shell, which would keep the signals to itself."""
    blocks = FENCE.findall((ROOT / "docs" / page).read_text("utf-8"))
    (image,) = [text for kind, text in blocks if kind == "dockerfile"]
    instruction, _, command = image.splitlines()[-1].partition(" ")
    assert instruction == "CMD"
    assert " ".join(json.loads(command)) + "\n" in [text for kind, text in blocks if kind == "bash"]


def test_the_worker_of_the_page_for_celery(sim: Simulator, tmp_path: Path, staying: ExitStack, broker: str) -> None:
    """A fill becomes a task of the worker that follows the account."""
    guide = Guide("celery.md", tmp_path, {**environment(sim), "BROKER": broker})
    guide.follow(staying)
    worker, container = guide.running
    account = sim.deribit.account("main")

    def is_printed() -> bool:
        """Asked again and again: fills that come before the stream is live for the first time are not told."""
        account.fill(account.place("BTC-PERPETUAL", "BUY", "10", "50000"))
        said = [*worker.said_so_far(), *container.said_so_far()]
        return any("BTC-PERPETUAL" in line for line in said)

    eventually(is_printed, "no task is ever run")
    assert connections(sim) == 1
    guide.end()


@pytest.mark.parametrize("name", ["rq", "huey", "dramatiq"])
def test_the_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broker: str, name: str) -> None:
    """An event is in Redis when ``send`` has returned; where Redis is away it says so in the way that waits."""
    recipe = f"{name}_recipe"
    (source,) = [
        text
        for kind, text in FENCE.findall((ROOT / "docs/celery.md").read_text("utf-8"))
        if kind == "python" and text.startswith(f"# {recipe}.py")
    ]
    event = fill(1, f"stream-{uuid.uuid4().hex}")
    monkeypatch.setenv("BROKER", broker)
    exec(compile(source, f"{recipe}.py", "exec"), (here := {"__name__": recipe}))
    here["send"](event)
    with Redis.from_url(broker) as redis:
        held = [_content(redis, key) for key in redis.keys("*")]
    assert any(event.account.encode() in content for content in held)
    monkeypatch.setenv("BROKER", f"redis://127.0.0.1:{free_port()}/0")
    exec(compile(source, f"{recipe}.py", "exec"), (away := {"__name__": f"{recipe}_away"}))
    with pytest.raises(TryLater):
        away["send"](event)


def _content(redis: Redis, key: bytes) -> bytes:
    """Whatever is under a key, unpacked where RQ has packed it."""
    import zlib

    kind = redis.type(key)
    found = {
        b"hash": lambda: b"".join(redis.hvals(key)),
        b"list": lambda: b"".join(redis.lrange(key, 0, -1)),
        b"string": lambda: redis.get(key),
    }.get(kind, lambda: b"")()
    for value in redis.hvals(key) if kind == b"hash" else []:
        try:
            found += zlib.decompress(value)
        except zlib.error:
            continue
    return bytes(found)
