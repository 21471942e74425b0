"""``jexkit listen``, against the simulator."""

import json
import signal
from pathlib import Path

import pytest

from jexkit.sim import Simulator
from jexkit.sim.describe import describe
from tests.cli.commands import jexkit, piped_to_head
from tests.cli.conftest import Invoke


@pytest.fixture
def folder(sim: Simulator, tmp_path: Path) -> Path:
    """A folder with a configuration of the simulator's accounts."""
    for venue in sim.venues.values():
        venue.account("main")
    (tmp_path / "jexkit.toml").write_text(str(describe(sim)["toml"]))
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_events_are_lines_until_a_signal(sim: Simulator, folder: Path, number: signal.Signals) -> None:
    """Each event a line; the signal ends it with a summary on stderr, code 0, and no traceback."""
    with jexkit("listen", "poloniex", cwd=folder) as program:
        program.records("Live")
        account = sim.poloniex.account("main")
        account.fill(account.place("BTC_USDT", "BUY", "0.5", "40000.25"))
        (fill,) = program.records("Fill")
        program.signal(number)
        assert program.wait() == 0
        assert all(json.loads(line)["account"] == "poloniex" for line in program.lines())
        (summary,) = program.complaints().splitlines()
    assert (fill["account"], fill["quantity"], fill["price"]) == ("poloniex", "0.5", "40000.25")
    assert summary.startswith("poloniex: live; ")
    assert " 1 Fill, 1 Live, 2 OrderUpdate" in summary


def test_seconds_end_it(folder: Path) -> None:
    """So many that a stream comes up within them on a busy machine too."""
    with jexkit("listen", "jex", "--seconds", "10", cwd=folder) as program:
        assert program.wait() == 0
        assert "Live" in [json.loads(line)["type"] for line in program.lines()]


def test_a_lost_stream_is_code_1(sim: Simulator, folder: Path) -> None:
    """A key that the exchange does not know: Lost is printed, it ends by itself, and says why."""
    sim.binance_pm.account("main").revoke()
    with jexkit("listen", "binance", cwd=folder) as program:
        assert json.loads(program.line())["type"] == "Lost"
        assert program.wait() == 1
        assert "binance: lost; 1 Lost; last error: " in program.complaints()


def test_others_go_on_when_one_is_lost(sim: Simulator, folder: Path) -> None:
    """And the code tells at the end that one was."""
    sim.binance_pm.account("main").revoke()
    with jexkit("listen", "binance", "jex", cwd=folder) as program:
        seen = {"Lost", "Live"}
        while seen:
            seen.discard(json.loads(program.line())["type"])
        program.signal(signal.SIGTERM)
        assert program.wait() == 1


def test_a_stream_that_never_comes_up_is_code_1(sim: Simulator, folder: Path) -> None:
    """Nobody at the address: nothing is printed on stdout, and the summary says what happened."""
    sim.stop()
    with jexkit("listen", "jex", "--seconds", "5", cwd=folder) as program:
        assert (program.wait(), program.lines()) == (1, [])
        assert "jex: connecting; no events; last error: " in program.complaints()


def test_a_reader_that_has_enough_ends_it_quietly(sim: Simulator, folder: Path) -> None:
    """As in ``jexkit listen | head -1``: code 0 and not a word, as soon as there is something more to print."""
    sim.start_market(rate=50)
    code, out, complaints = piped_to_head("-m", "jexkit.cli", "listen", "jex", cwd=folder)
    assert (code, complaints) == (0, "")
    assert json.loads(out)["account"] == "jex"


def test_accounts_from_the_environment(sim: Simulator, tmp_path: Path) -> None:
    """--exchange needs no file."""
    credentials = sim.deribit.account("main").credentials()
    variables = {f"JEXKIT_DERIBIT_{name.upper()}": value for name, value in credentials.items()}
    variables |= {"JEXKIT_DERIBIT_REST_URL": sim.deribit.rest_url, "JEXKIT_DERIBIT_WS_URL": sim.deribit.ws_url}
    with jexkit("listen", "--exchange", "deribit", cwd=tmp_path, **variables) as program:
        assert json.loads(program.line())["exchange"] == "deribit"
        program.signal(signal.SIGINT)
        assert program.wait() == 0


def test_verbose_logs_go_to_stderr_without_secrets(sim: Simulator, folder: Path) -> None:
    """-vv tells everything that jexkit does, and no key."""
    with jexkit("listen", "-vv", cwd=folder) as program:
        program.records("Live", times=4)
        program.signal(signal.SIGINT)
        assert program.wait() == 0
        complaints = program.complaints()
    assert "INFO jexkit" in complaints
    secrets = [value for venue in sim.venues.values() for value in venue.account("main").credentials().values()]
    assert not [secret for secret in [*secrets, *sim.jex.account("main").listen_keys] if secret in complaints]


def test_errors_of_the_configuration_are_code_2(invoke: Invoke, tmp_path: Path) -> None:
    """Before anything is started, one sentence with line and key."""
    (tmp_path / "jexkit.toml").write_text('[accounts.a]\nexchange = "jex"\napi_kee = "x"\n')
    result = invoke("listen")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: jexkit.toml, line 3: [accounts.a]: api_kee is no setting of this exchange; did you mean api_key?\n"
    )
