"""``jexkit sim``, as a process."""

import json
import signal
import socket
from pathlib import Path

import pytest

from jexkit.accounts import ACCOUNTS
from jexkit.cli.config import Config
from tests.cli.commands import Program, jexkit
from tests.cli.conftest import Invoke


def announcement(program: Program) -> str:
    """Everything that it prints: comments, and a table for each exchange."""
    text = ""
    while text.count("ws_url") < len(ACCOUNTS):
        text += program.line()
    return text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_a_configuration_and_ends_as_asked(number: signal.Signals) -> None:
    """All of its output is a configuration file with an account for each exchange."""
    with jexkit("sim") as program:
        text = announcement(program)
        accounts = Config(text).accounts((), {})
        assert {account.exchange for account in accounts.values()} == set(ACCOUNTS)
        assert all(account.rest_url in text.partition("[")[0] for account in accounts.values())
        assert "#   control site: http://127.0.0.1:" in text
        program.signal(number)
        assert (program.wait(), program.lines(), program.complaints()) == (0, [], "")


def test_the_same_seed_gives_the_same_keys() -> None:
    """And another seed others."""
    keys = []
    for seed in ("5", "5", "6"):
        with jexkit("sim", "--seed", seed, "--rate", "0") as program:
            text = announcement(program)
            keys.append([line for line in text.splitlines() if "secret" in line])
    assert keys[0] == keys[1] != keys[2]


def test_ports_can_be_chosen_and_a_taken_one_is_told() -> None:
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))  # and does not listen: no other program gets it, but who asks for it does
        port = str(kept.getsockname()[1])
        with jexkit("sim", "--port-binance-pm", port) as program:
            assert f'rest_url = "http://127.0.0.1:{port}"' in announcement(program)
        kept.listen()
        with jexkit("sim", "--port-binance-pm", port) as program:
            assert program.wait() == 2
            assert program.complaints().startswith("Error: the simulator cannot listen at 127.0.0.1: ")


@pytest.mark.parametrize("host", ["no.such.host.invalid", "", "256.1.1.1"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with jexkit("sim", "--host", host) as program:
        assert program.wait() == 2
        assert "host" in program.complaints()


def test_it_listens_where_it_is_told() -> None:
    with jexkit("sim", "--host", "127.0.0.2", "--rate", "0") as program:
        text = announcement(program)
        assert text.count('rest_url = "http://127.0.0.2:') == len(ACCOUNTS)
        assert "#   control site: http://127.0.0.2:" in text


def test_without_the_extra_it_names_what_to_install(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    result = invoke("sim")
    assert result.exit_code == 2
    assert "pip install 'jexkit[sim]'" in result.stderr


def test_what_it_prints_is_what_listen_reads(tmp_path: Path) -> None:
    """Pasted into a file, an account of each exchange goes live and delivers."""
    with jexkit("sim", "--rate", "40") as simulator:
        (tmp_path / "jexkit.toml").write_text(announcement(simulator))
        with jexkit("listen", cwd=tmp_path) as listener:
            missing = {(name, kind) for name in ACCOUNTS for kind in ("Live", "OrderUpdate", "Fill", "BalanceUpdate")}
            while missing:
                record = json.loads(listener.line())
                missing.discard((record["exchange"], record["type"]))
            listener.signal(signal.SIGINT)
            assert listener.wait() == 0
            assert listener.complaints().count(": live; ") == len(ACCOUNTS)


def test_faults_are_planned() -> None:
    """And it serves as ever."""
    faults = [
        part
        for fault in ("deribit:drop@0.01", "jex:rest_lags,by=2@5", "jex:line_cut@0.01")
        for part in ("--fault", fault)
    ]
    with jexkit("sim", "--rate", "0", *faults) as program:
        assert "ws_url" in announcement(program)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("half_open@3", "Write exchange:fault@seconds"),
        ("jex:tokens_expire@3", "no fault of jex"),
        ("jex:drop@-1", "up to a year"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fault: str, words: str) -> None:
    with jexkit("sim", "--fault", fault) as program:
        assert program.wait() == 2
        assert words in program.complaints()
