"""Accounts from a dict of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jexkit import Deribit
from jexkit.accounts import Account
from jexkit.contrib.accounts import BadSetting, accounts, descriptions
from jexkit.errors import ConfigurationError

SECRET = "s3cr3t-s3cr3t-s3cr3t-s3cr3t"
DESK = {"exchange": "deribit", "client_id": "desk-id", "client_secret_env": "DESK_SECRET", "currencies": ("BTC", "ETH")}


def faults(entry: object, **environ: str) -> list[str]:
    described = descriptions({"desk": entry}, "JEXKIT['STREAMS']")
    return [str(fault) for one in described.values() for fault in one.faults(environ)]


def made(entry: object, **environ: str) -> Account:
    ((name, account),) = accounts(descriptions({"desk": entry}, "STREAMS"), environ)
    assert name == "desk"
    return account


def test_an_entry_becomes_an_account() -> None:
    """Plain values, a variable, and a tuple for a list."""
    wanted = Deribit(client_id="desk-id", client_secret=SECRET, currencies=["BTC", "ETH"])
    assert made(DESK, DESK_SECRET=SECRET) == wanted
    assert faults(DESK, DESK_SECRET=SECRET) == []


def test_a_function_is_called_when_the_account_is_made_and_not_before() -> None:
    """What fetches secrets runs where the streams run, and not in every check."""
    calls: list[int] = []

    def fetch() -> str:
        calls.append(1)
        return SECRET

    entry = {"exchange": "deribit", "client_id": "desk-id", "client_secret": fetch}
    assert faults(entry) == []
    assert calls == []
    assert made(entry) == Deribit(client_id="desk-id", client_secret=SECRET)
    assert calls == [1]


def test_a_key_file(tmp_path: Path) -> None:
    """A private key may be a file; one that is not there is named."""
    entry = {"exchange": "binance_pm", "api_key": "k" * 64, "private_key_file": str(tmp_path / "key.pem")}
    (fault,) = faults(entry)
    assert fault.startswith("JEXKIT['STREAMS']['desk']['private_key_file']: private_key_file: there is no file ")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("deribit", "['desk']: is no dict; make it one with 'exchange' and the account's fields"),
        ({}, "['desk']['exchange']: is missing; add for example 'exchange': 'deribit'"),
        ({"exchange": "derbit"}, "['exchange']: there is no exchange 'derbit'; use one of \"binance_pm\""),
        ({"exchange": "deribit"}, "['desk']: lacks client_id and client_secret; add 'client_id', or 'client_id_env'"),
        ({**DESK, "curency": ["BTC"]}, "['curency']: is no setting of this exchange; did you mean 'currencies'?"),
        ({**DESK, 7: 8}, "['7']: is no setting of this exchange; it has "),
        ({**DESK, "currencies": 5}, "['currencies']: must be a list of texts"),
        ({**DESK, "client_secret": SECRET}, "gives client_secret a second time; leave one out"),
        ({**DESK, "client_secret_env": SECRET}, "must be the name of an environment variable, in capitals"),
        ({**DESK, "client_secret_env": "OTHER"}, "the environment variable OTHER is not set; set it where the streams"),
        ({**DESK, "heartbeat": 5}, "['desk']: Deribit: heartbeat is 5; give seconds from 10 to 600"),
        ({**DESK, "client_secret_env": "EMPTY"}, "['desk']: Deribit: client_secret is empty; set it to the one"),
    ],
)
def test_what_is_wrong_is_said(entry: object, said: str) -> None:
    """The setting and the remedy in one sentence, and no value that could be a secret."""
    (fault,) = [one for one in faults(entry, DESK_SECRET=SECRET, EMPTY="") if said in one]
    assert SECRET not in fault
    with pytest.raises(BadSetting):
        made(entry, DESK_SECRET=SECRET, EMPTY="")


def test_all_faults_of_an_entry_are_found_at_once() -> None:
    """Nobody mends one only to meet the next."""
    assert len(faults({"exchange": "deribit", "client_id": 5, "colour": 1, "client_secret_env": "x"})) == 3


@pytest.mark.parametrize("returned", [None, 5, b"bytes"])
def test_a_function_that_returns_something_else(returned: Any) -> None:
    """What it returned is not repeated."""
    with pytest.raises(BadSetting, match=r"\['client_secret'\]: its function must return a text in quotes"):
        made({"exchange": "deribit", "client_id": "desk-id", "client_secret": lambda: returned})


def test_a_function_that_fails() -> None:
    """Its own text could hold the secret: the type of the error is all that is told."""

    def fetch() -> str:
        raise LookupError(SECRET)

    with pytest.raises(BadSetting, match="its function failed with LookupError") as caught:
        made({"exchange": "deribit", "client_id": "desk-id", "client_secret": fetch})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("streams", [None, {}, [], {5: DESK}, {" ": DESK}])
def test_no_streams(streams: object) -> None:
    """A dict with at least one stream, under a name."""
    with pytest.raises(ConfigurationError, match=r"^STREAMS: "):
        descriptions(streams, "STREAMS")


def test_no_secret_is_in_a_repr() -> None:
    """A description is safe to print."""
    (described,) = descriptions({"desk": {**DESK, "client_id": SECRET}}, "STREAMS").values()
    assert repr(described) == "<STREAMS['desk'] of Deribit>"
