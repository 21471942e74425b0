"""``jexkit check``, against the simulator."""

import re
from pathlib import Path

import attrs
import pytest

from jexkit.accounts import ACCOUNTS, Account
from jexkit.cli.config import Config
from jexkit.cli.trial import Result, check_account, with_advice
from jexkit.errors import AuthenticationError, Banned, RateLimited, StreamEnded, TransportError
from jexkit.sim import Simulator
from jexkit.sim.describe import describe
from tests.cli.conftest import Invoke

ALL = ["host reachable", "clock", "credentials", "permissions", "stream opens", "proof of life"]


def account(sim: Simulator, exchange: str) -> Account:
    sim.venues[exchange].account("main")
    (found,) = Config(str(describe(sim)["toml"])).accounts((), {}).values()
    return attrs.evolve(found, proxy="")


def results(account: Account) -> dict[str, Result]:
    return {result.what: result for result in check_account("desk", account)}


@pytest.mark.parametrize("exchange", ACCOUNTS)
def test_an_account_that_works(sim: Simulator, exchange: str) -> None:
    """All six checks, in order, and nothing changed at the exchange."""
    found = results(account(sim, exchange))
    assert list(found) == ALL
    assert [result for result in found.values() if not result.is_ok] == []
    assert "can be read" in found["permissions"].said
    assert sim.venues[exchange].account("main").told == []


def test_a_host_that_is_not_there(sim: Simulator) -> None:
    """One failure that says what to look at; the rest is skipped."""
    absent = account(sim, "poloniex")
    sim.stop()
    found = results(absent)
    assert list(found) == ALL
    assert "check the network, the proxy, and the addresses" in found["host reachable"].said
    assert all(result.skipped for what, result in found.items() if what != "host reachable")


@pytest.mark.parametrize("exchange", ["binance_pm", "poloniex", "jex"])
def test_a_wrong_secret(sim: Simulator, exchange: str) -> None:
    """The credentials fail, with what to compare; what needs them is skipped."""
    right = account(sim, exchange)
    wrong = attrs.evolve(right, secret_key="wrong" * 10)
    found = results(wrong)
    assert found["host reachable"].is_ok
    assert not found["credentials"].is_ok
    assert not found["credentials"].skipped
    assert "compare key and secret" in found["credentials"].said
    assert found["stream opens"].skipped


def test_a_wrong_clock(sim: Simulator) -> None:
    """An hour off fails with advice, though jexkit itself corrects for it and everything else works."""
    account_ = account(sim, "binance_pm")
    sim.clock.skew_ms = 3_600_000
    found = results(account_)
    told = re.fullmatch(r"(.+) s behind the exchange's; set this machine's clock by a time server", found["clock"].said)
    assert told is not None
    assert 3_570 < float(told[1]) < 3_630  # the time that the answer takes on its way counts by half
    assert [what for what, result in found.items() if not result.is_ok] == ["clock"]


def test_the_errors_own_sentence_comes_first() -> None:
    """And advice where there is some; a rate limit says itself how long to wait."""
    assert with_advice(AuthenticationError("key refused")).startswith("key refused; compare key and secret")
    assert with_advice(TransportError("no route")).startswith("no route; check the network")
    limited = RateLimited("too many requests; wait 30 seconds", retry_after=30)
    assert with_advice(limited) == "too many requests; wait 30 seconds"
    banned = Banned("banned for 2 minutes", retry_after=120)
    assert with_advice(StreamEnded("stream 'a' was lost", banned)) == "banned for 2 minutes"


def test_the_command_prints_a_line_for_each(sim: Simulator, invoke: Invoke, tmp_path: Path) -> None:
    """Code 0 when all is well, 1 when anything is not, and one line for each check."""
    account(sim, "poloniex")
    (tmp_path / "jexkit.toml").write_text(str(describe(sim)["toml"]))
    fine = invoke("check")
    assert fine.exit_code == 0
    assert [line.split(":")[0] for line in fine.output.splitlines()] == ["ok      poloniex"] * 6
    sim.stop()
    broken = invoke("check", "poloniex")
    assert broken.exit_code == 1
    words = [line.split()[0] for line in broken.output.splitlines()]
    assert words == ["failed", "skipped", "skipped", "skipped", "skipped", "skipped"]
