"""What is missing is said, and where it must not be missing it fails."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.contrib import needs

LACKS: list[tuple[Callable[[], object], str]] = [
    (lambda: needs.packages("django", "json", "nowhere_to_be_had"), "needs nowhere_to_be_had: pip install"),
    (lambda: needs.script("nowhere-to-be-had"), "needs nowhere-to-be-had: see tests/contrib/requirements.txt"),
]


@pytest.mark.parametrize(("need", "said"), LACKS)
def test_a_missing_package_is_skipped_unless_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, need: Callable[[], object], said: str
) -> None:
    """``pytest`` alone goes without it; ``pytest -m web`` does not, on CI or elsewhere."""
    monkeypatch.setattr(needs, "are_asked_for", False)
    with pytest.raises(pytest.skip.Exception, match=said):
        need()
    monkeypatch.setattr(needs, "are_asked_for", True)
    with pytest.raises(pytest.fail.Exception, match=said):
        need()


def test_a_missing_server_is_skipped_unless_this_is_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its address in the reason."""
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        port = held.getsockname()[1]
        assert needs.server("Something", "127.0.0.1", port) == f"127.0.0.1:{port}"
    said = rf"needs Something on 127\.0\.0\.1:{port}: "
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=said):
        needs.server("Something", "127.0.0.1", port)
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match=said):
        needs.server("Something", "127.0.0.1", port)


def test_a_missing_program_of_the_system_is_skipped() -> None:
    """CI need not have a browser."""
    assert needs.program("sh", "").endswith("/sh")
    with pytest.raises(pytest.skip.Exception, match="needs nowhere-to-be-had: install it"):
        needs.program("nowhere-to-be-had", "install it")


def test_the_marker_makes_the_difference(request: pytest.FixtureRequest) -> None:
    """Of this very run."""
    assert needs.are_asked_for == (request.config.getoption("markexpr") == "web")
