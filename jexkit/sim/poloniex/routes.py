"""The REST API: who may call, how often, and the routes.

https://api-docs.poloniex.com/spot/api/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from jexkit.sim.calls import Answer, Call, Refused
from jexkit.sim.poloniex import desk, errors, reference, signing
from jexkit.sim.poloniex.account import PoloniexAccount
from jexkit.sim.poloniex.frames import rest_order, rest_trade
from jexkit.sim.poloniex.kill_switch import KillSwitches
from jexkit.sim.poloniex.pages import Pages
from jexkit.sim.poloniex.symbols import SPOT, currencies

if TYPE_CHECKING:
    from jexkit.sim.poloniex.venue import Poloniex

Class = Literal["light", "heavy", "public"]
Private = Callable[[PoloniexAccount, Call], Any]


class RestApi:
    """The routes of one venue."""

    def __init__(self, venue: Poloniex) -> None:
        self._venue = venue
        self._pages = Pages(venue.rules, venue.clock)
        self._switches = KillSwitches(venue.clock)
        self._spent: dict[tuple[str, Class], tuple[int, int]] = {}  # who and what -> second, requests in it
        self._add_public()
        self._add_orders()
        self._add_reads()

    def _add_public(self) -> None:
        venue = self._venue
        for path, handler in reference.routes(venue).items():
            venue.routes.add("GET", path, self._public(handler))

    def _add_orders(self) -> None:
        add = self._private
        add("POST", "/orders", "light", self._create)
        add("POST", "/orders/batch", "heavy", self._create_several)
        add("PUT", "/orders/{id}", "heavy", self._replace)
        add("DELETE", "/orders/{id}", "light", self._cancel)
        add("DELETE", "/orders/cancelByIds", "heavy", self._cancel_by_ids)
        add("DELETE", "/orders", "heavy", self._cancel_all)
        add("POST", "/orders/killSwitch", "light", self._set_kill_switch)
        add("GET", "/orders/killSwitchStatus", "light", self._kill_switch)

    def _add_reads(self) -> None:
        add = self._private
        add("GET", "/orders", "heavy", self._pages.open_orders)
        add("GET", "/orders/history", "heavy", self._pages.history)
        add("GET", "/orders/{id}", "light", self._order)
        add("GET", "/orders/{id}/trades", "light", self._order_trades)
        add("GET", "/smartorders", "heavy", lambda _account, _call: [])
        add("GET", "/trades", "heavy", self._pages.trades)
        add("GET", "/accounts", "light", self._accounts)
        add("GET", "/accounts/balances", "light", self._balances)
        add("GET", "/accounts/{id}/balances", "light", self._balances)
        add("GET", "/feeinfo", "heavy", self._fees)

    # Admission

    def _public(self, handler: Callable[[Call], Any]) -> Callable[[Call], Answer]:
        def run(call: Call) -> Answer:
            self._spend(call.remote, "public")
            return Answer(handler(call))

        return run

    def _private(self, method: str, path: str, weight: Class, handler: Private) -> None:
        def run(call: Call) -> Answer:
            account = self._caller(call)
            self._spend(account.name, weight)
            return Answer(handler(account, call))

        self._venue.routes.add(method, path, run)

    def _caller(self, call: Call) -> PoloniexAccount:
        """Whose request it is. Raises Refused for a wrong key, signature or time."""
        headers = call.headers
        for name in ("key", "signTimestamp", "signature"):
            if not headers.get(name):
                raise errors.not_authenticated()
        account = self._venue.owner_of_key(headers["key"])
        timestamp = headers["signTimestamp"]
        if account is None or not signing.is_time(timestamp):
            raise errors.not_authenticated()
        if not signing.is_right(account.secret_key, signing.request_text(call, timestamp), headers["signature"]):
            self._venue.counters.add("bad_signatures")
            raise errors.not_authenticated()
        age = self._venue.clock.now_ms() - int(timestamp)
        window = int(headers["recvWindow"]) if headers.get("recvWindow") else self._venue.rules.recv_window_ms
        if age < -self._venue.rules.greatest_lead_ms:
            raise errors.too_early()
        if window is not None and age > window:
            raise errors.too_old()
        return account

    def _spend(self, who: str, weight: Class) -> None:
        rules = self._venue.rules
        most = {"light": rules.light_per_second, "heavy": rules.heavy_per_second, "public": rules.public_per_second}
        second = int(self._venue.clock.monotonic())
        began, count = self._spent.get((who, weight), (second, 0))
        count = count + 1 if began == second else 1
        self._spent[who, weight] = (second, count)
        limit = most[weight]
        if limit is not None and count > limit:
            self._venue.counters.add("rate_limited")
            raise errors.too_many_requests()

    # Orders

    def _create(self, account: PoloniexAccount, call: Call) -> Any:
        order = desk.create(account, _body(call))
        return {"id": order.order_id, "clientOrderId": order.client_order_id}

    def _create_several(self, account: PoloniexAccount, call: Call) -> Any:
        wanted = call.json()
        if not isinstance(wanted, list):
            raise errors.invalid_parameter("body")
        outcomes = []
        for params in wanted:
            try:
                order = desk.create(account, params)
            except Refused as refused:
                outcomes.append({**refused.answer.data, "clientOrderId": params.get("clientOrderId", "")})
            else:
                outcomes.append({"id": order.order_id, "clientOrderId": order.client_order_id})
        return outcomes

    def _replace(self, account: PoloniexAccount, call: Call) -> Any:
        order = desk.replace(account, desk.find(account, call.in_path["id"]), _body(call))
        return {"id": order.order_id, "clientOrderId": order.client_order_id}

    def _cancel(self, account: PoloniexAccount, call: Call) -> Any:
        order = desk.cancel(account, desk.find(account, call.in_path["id"]))
        return {**desk.outcome(order), "state": "PENDING_CANCEL"}

    def _cancel_by_ids(self, account: PoloniexAccount, call: Call) -> Any:
        outcomes = self._venue.cancel_by_ids(account, _body(call))
        return [{**one, "state": "PENDING_CANCEL"} if one["code"] == 200 else one for one in outcomes]

    def _cancel_all(self, account: PoloniexAccount, call: Call) -> Any:
        found = desk.open_orders(account, desk.texts(_body(call), "symbols"))
        return [{**desk.outcome(desk.cancel(account, order)), "state": "PENDING_CANCEL"} for order in found]

    def _set_kill_switch(self, account: PoloniexAccount, call: Call) -> Any:
        timeout = str(_body(call).get("timeout", ""))
        if timeout == "-1":
            self._switches.disarm(account)
        elif timeout.isdigit() and 10 <= int(timeout) <= 600:
            self._switches.arm(account, int(timeout))
        else:
            raise errors.invalid_parameter("timeout")
        started, due = self._switches.times(account) or (self._venue.clock.now_ms(), 0)
        return {"startTime": str(started), "cancellationTime": str(due)}

    def _kill_switch(self, account: PoloniexAccount, _call: Call) -> Any:
        times = self._switches.times(account)
        if times is None:
            raise errors.no_kill_switch()
        return {"startTime": str(times[0]), "cancellationTime": str(times[1])}

    # Reads

    def _order(self, account: PoloniexAccount, call: Call) -> Any:
        return rest_order(desk.find(account, call.in_path["id"], account.books_for_rest().orders.values()))

    def _order_trades(self, account: PoloniexAccount, call: Call) -> Any:
        order = desk.find(account, call.in_path["id"], account.books_for_rest().orders.values())
        return [rest_trade(fill, order) for fill in reversed(order.fills)]

    def _accounts(self, account: PoloniexAccount, _call: Call) -> Any:
        return [{"accountId": account.account_id, "accountState": "NORMAL", "accountType": SPOT}]

    def _balances(self, account: PoloniexAccount, call: Call) -> Any:
        if call.in_path.get("id", account.account_id) != account.account_id:
            raise errors.account_not_found()
        numbers = {code: str(214 + index) for index, code in enumerate(currencies())}
        held = [one for one in account.books_for_rest().balances.values() if one.total]
        rows = [reference.balance_row(one, numbers.get(one.asset, "1")) for one in held]
        return [{"accountId": account.account_id, "accountType": SPOT, "balances": rows}]

    def _fees(self, _account: PoloniexAccount, _call: Call) -> Any:
        rules = self._venue.rules
        return {
            "trxDiscount": False,
            "makerRate": str(rules.maker_fee),
            "takerRate": str(rules.taker_fee),
            "volume30D": "0.00",
            "specialFeeRates": [],
        }


def _body(call: Call) -> Mapping[str, Any]:
    said = call.json()
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise errors.invalid_parameter("body")
    return said
