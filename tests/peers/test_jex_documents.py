"""The simulated JEX, held to JEX's own documents by a client that is written straight from them.

No client of JEX's user-data streams is left anywhere, so this one stands in: see `jex_client`. It folds the stream into
a state as the documents say, "make sure to order your updates using E", and that state must be the ledger's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

import pytest

from jexkit.sim import Simulator
from jexkit.sim.jex import JexAccount
from jexkit.sim.market import Market
from tests.peers.jex_client import Event, JexClient, Stream

pytestmark = pytest.mark.peers

REPORT = set("EesSqpXizOZ")
CONTRACT_REPORT = set("EesXrizZ")
REFUSED_REPORT = set("EeXir")
DOCUMENTED = {
    "accountSpotInfo": set("eEmtuB"),
    "accountOptionInfo": set("eEmtuB"),
    "accountContractInfo": set("eEmtuB"),
    "execSpotReport": REPORT,
    "execOptionReport": REPORT,
    "execContractReport": CONTRACT_REPORT,
    "contractPositions": set("eEp"),
}
"""The seven events and their members. A refused contract order has other ones, REFUSED_REPORT."""
ASSET = set("aflTWD")
CONTRACT_ASSET = ASSET | set("op")
POSITION = set("MRSabcdilmnoqrstv")

STATES = {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "FAIL", "CANCLEFILLED"}
CONTRACT_STATES = {"ENTRUSTED", "ENTRUSTING", "FAIL", "PARTFILLED", "FILLED", "CANCEL"}
REFUSALS = [
    "insufficient Available",
    "too many pending requests",
    "position is being liquidated",
    "position is being closed",
    "closing empty position",
    "closing order is enough",
    "contract is disabled",
    "reach liquidation price",
    "reach risk limit",
]
MARKETS = {"Spot": "spot", "Option": "option", "Contract": "contract"}


@pytest.fixture
def account(sim: Simulator) -> JexAccount:
    """An account with money in every wallet."""
    return sim.jex.account("main")


@pytest.fixture
def client(sim: Simulator, account: JexAccount) -> Iterator[JexClient]:
    """The account's client."""
    made = JexClient(sim.jex.rest_url, account.api_key, account.secret_key)
    yield made
    made.close()


@pytest.fixture
def stream(sim: Simulator, client: JexClient) -> Iterator[Stream]:
    """The account's stream, open on both sides."""
    with Stream(sim.jex.ws_url, client.listen_key()) as opened:
        sim.jex.counters.wait("subscriptions", 1)
        yield opened


class State:
    """What a client knows that has read the events in the order of `E`."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.orders: dict[tuple[str, str], tuple[str, Decimal]] = {}  # state and cumulative quantity
        self.balances: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}  # free and locked
        self.positions: dict[str, Decimal] = {}
        for event in sorted(events, key=lambda one: one["E"]):
            self._read(event)

    def _read(self, event: Event) -> None:
        market = next((word for part, word in MARKETS.items() if part in event["e"]), "contract")
        if event["e"].startswith("exec"):
            filled = abs(Decimal(event.get("z", "0")))  # contract sells are negative
            self.orders[market, str(event["i"])] = (event["X"], filled)
        elif event["e"].startswith("account"):
            for row in event["B"]:
                self.balances[market, row["a"]] = (Decimal(row["f"]), Decimal(row["l"]))
        else:
            for row in event["p"]:
                self.positions[row["s"]] = Decimal(row["q"]) * (1 if row["d"] == "longs" else -1)


class Ledger(State):
    """The same from the simulator's ledger; balances and positions as far as they were told."""

    def __init__(self, account: JexAccount) -> None:
        super().__init__([])
        told = {(row["kind"], row["market"], row.get("asset") or row.get("symbol")) for row in account.told}
        for row in account.orders():
            self.orders[str(row["market"]), str(row["order_id"])] = (str(row["status"]), Decimal(str(row["filled"])))
        for row in account.balances():
            if ("balance", row["market"], row["asset"]) in told:
                amounts = Decimal(str(row["free"])), Decimal(str(row["locked"]))
                self.balances[str(row["market"]), str(row["asset"])] = amounts
        for row in account.positions():
            if ("position", row["market"], row["symbol"]) in told:
                self.positions[str(row["symbol"])] = Decimal(str(row["quantity"]))


def until_now(sim: Simulator, stream: Stream) -> list[Event]:
    """Every event of the account so far: all frames on this server were written to this stream."""
    return stream.events(sim.jex.counters["frames"])


def test_the_life_of_a_listen_key(sim: Simulator, account: JexAccount, client: JexClient) -> None:
    """POST starts it, PUT keeps it for another hour, DELETE closes the stream; PUT and DELETE name the key."""
    key = client.listen_key()
    with Stream(sim.jex.ws_url, key) as stream:
        sim.jex.counters.wait("subscriptions", 1)
        sim.advance(3000)
        assert (client.stream("PUT", listenKey=key).status_code, client.stream("PUT").status_code) == (200, 400)
        sim.advance(3000)
        assert account.listen_keys == [key]
        assert client.stream("DELETE", listenKey=key).json() == {}
        assert stream.is_closed_by_jex()
    assert client.stream("PUT", listenKey=key).json()["code"] == -1125


def test_a_key_that_is_not_kept_alive_closes_its_stream(sim: Simulator, account: JexAccount, stream: Stream) -> None:
    """After sixty minutes."""
    sim.advance(3601)
    assert stream.is_closed_by_jex()
    assert account.listen_keys == []


def test_a_wrong_api_key_gets_no_stream(sim: Simulator, account: JexAccount) -> None:
    """It is refused with -2015."""
    stranger = JexClient(sim.jex.rest_url, account.api_key[::-1], account.secret_key)
    answer = stranger.stream("POST")
    stranger.close()
    assert (answer.status_code, answer.json()["code"]) == (401, -2015)


@pytest.mark.parametrize(("symbol", "market"), [("JEXBTC", "spot"), ("BTCCALLM", "option"), ("BTCUSDT", "contract")])
def test_each_step_of_an_order_is_told(
    sim: Simulator, account: JexAccount, stream: Stream, symbol: str, market: str
) -> None:
    """Placed, filled in two parts; another one filled in part and cancelled."""
    order = account.place(symbol, "SELL", "10", "2", market=market)
    account.fill(order, "4")
    account.fill(order)
    other = account.place(symbol, "BUY", "10", "2", market=market)
    account.fill(other, "4")
    account.cancel(other)
    events = until_now(sim, stream)
    steps = [(event["i"], event["X"], event["z"], event["Z"]) for event in events if event["e"].startswith("exec")]
    sign = "-" if market == "contract" else ""
    number = str if market == "contract" else int
    begun, part, end = {
        "contract": (["ENTRUSTING", "ENTRUSTED"], "PARTFILLED", "CANCEL"),
    }.get(market, (["NEW"], "PARTIALLY_FILLED", "CANCLEFILLED"))
    first, second = number(order.order_id), number(other.order_id)
    zero = "0.00000000"
    assert [(one, word, Decimal(z), Decimal(worth)) for one, word, z, worth in steps] == [
        *((first, word, Decimal(zero), Decimal(zero)) for word in begun),
        (first, part, Decimal(f"{sign}4"), Decimal(8)),
        (first, "FILLED", Decimal(f"{sign}10"), Decimal(20)),
        *((second, word, Decimal(zero), Decimal(zero)) for word in begun),
        (second, part, Decimal(4), Decimal(8)),
        (second, end, Decimal(4), Decimal(8)),
    ]
    assert vars(State(events)) == vars(Ledger(account))


@pytest.mark.parametrize("reason", REFUSALS)
def test_a_refused_contract_order(sim: Simulator, account: JexAccount, stream: Stream, reason: str) -> None:
    """FAIL with the documented reason, an id and nothing else."""
    account.refuse_next(reason)
    order = account.place("EOSUSDT", "BUY", "10", "3", market="contract")
    entrusting, *_, refused = [event for event in until_now(sim, stream) if event["e"] == "execContractReport"]
    assert (entrusting["X"], entrusting["i"]) == ("ENTRUSTING", order.order_id)
    assert set(refused) == REFUSED_REPORT
    assert (refused["X"], refused["i"], refused["r"]) == ("FAIL", order.order_id, reason)
    assert account.open_orders() == []


def test_events_may_come_out_of_order(sim: Simulator, account: JexAccount, stream: Stream) -> None:
    """Every third event is late. In the order of arrival the stream tells nonsense, in the order of `E` the truth."""
    sim.jex.rules.swap_every = 3
    Market(sim, seed=5).step(200, [account])
    sim.advance(sim.jex.rules.swap_longest + 1)  # whatever is still held back comes
    events = until_now(sim, stream)
    times = [event["E"] for event in events]
    assert times != sorted(times)
    assert vars(State(events)) == vars(Ledger(account))


def test_a_lively_account_is_told_as_documented(
    sim: Simulator, account: JexAccount, client: JexClient, stream: Stream
) -> None:
    """All seven events with the documented members and words; they fold into the ledger, and REST agrees."""
    Market(sim, seed=5).step(400, [account])
    events = until_now(sim, stream)
    assert {event["e"] for event in events} == set(DOCUMENTED)
    for event in events:
        assert set(event) == (REFUSED_REPORT if event.get("X") == "FAIL" and "r" in event else DOCUMENTED[event["e"]])
        for row in event.get("B", []):
            assert set(row) == (CONTRACT_ASSET if event["e"] == "accountContractInfo" else ASSET)
        for row in event.get("p", []) if event["e"] == "contractPositions" else []:
            assert set(row) == POSITION
            assert row["d"] in {"longs", "shorts"}
        assert event.get("X", "FAIL") in (CONTRACT_STATES if event["e"] == "execContractReport" else STATES)
    assert vars(State(events)) == vars(Ledger(account))
    rest_agrees(account, client)


def rest_agrees(account: JexAccount, client: JexClient) -> None:
    """Balances and open orders over REST are the ledger's."""
    answer = client.signed("account")
    told = {
        (market, row["asset"].upper()): (Decimal(row["free"]), Decimal(row["locked"]))
        for market in MARKETS.values()
        for row in answer[f"{market}Balances"]
    }
    ledger = {
        (row["market"], row["asset"]): (Decimal(str(row["free"])), Decimal(str(row["locked"])))
        for row in account.balances()
    }
    assert told == ledger
    living = account.open_orders()
    asked = {(str(row["market"]), str(row["symbol"])) for row in living}
    listed = {
        (market, str(row["orderId"]))
        for market, symbol in sorted(asked)
        for row in client.signed(f"{market}/openOrders", symbol=symbol)
    }
    assert listed == {(row["market"], row["order_id"]) for row in living}
