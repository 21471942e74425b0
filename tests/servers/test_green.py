"""gevent and eventlet, the real ones: noticed, answered, and the stream works as long as everybody yields."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.commands import Program
from tests.servers.conftest import Desk

PATCH = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import warnings; warnings.simplefilter('ignore'); import eventlet; eventlet.monkey_patch()",
}
PROGRAM = """
import logging
logging.basicConfig(format="%(message)s", stream=sys.stdout)
from tests.servers.host import worker
manager = worker.inherited
print("live", flush=True)
print("fill", manager.streams["parent"].wait_for(jexkit.Fill, timeout=60).quantity, flush=True)
manager.stop()
print("stopped", flush=True)
"""


@pytest.mark.parametrize("library", PATCH)
def test_patching_is_noticed_and_answered(needs: Any, desk: Desk, library: str) -> None:
    """One warning says what is supported, and then it works."""
    needs(library)
    with Program("-c", "\n".join([PATCH[library], "import jexkit, sys", PROGRAM]), **desk.variables) as program:
        assert f"{library} has patched this process. jexkit is made for threads" in program.line()
        assert program.line() == "live\n"
        desk.fill()
        assert program.line() == "fill 0.5\n"
        assert program.line() == "stopped\n"
        assert program.wait() == 0


@pytest.mark.parametrize("library", PATCH)
def test_patching_after_the_import_is_refused(needs: Any, library: str) -> None:
    """It would block for ever sooner or later."""
    needs(library)
    lines = ["from jexkit import StreamManager", PATCH[library], "StreamManager().start()"]
    with Program("-c", "\n".join(lines)) as program:
        assert f"ConfigurationError: {library} has patched this process after jexkit was" in program.complaints()
