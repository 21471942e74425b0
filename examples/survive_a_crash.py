"""Book every fill exactly once, however often the program is killed: a journal, and the event's id as a key."""

import os
import sqlite3

from jexkit import Fill, Live, Poloniex, StreamManager

FOLDER = os.environ.get("FOLDER", ".")
ledger = sqlite3.connect(f"{FOLDER}/ledger.db", isolation_level=None, check_same_thread=False)
ledger.execute("CREATE TABLE IF NOT EXISTS fills (id TEXT PRIMARY KEY, symbol TEXT, side TEXT, quantity TEXT)")

manager = StreamManager(journal=f"{FOLDER}/jexkit.db")
stream = manager.add(
    Poloniex(api_key=os.environ["POLONIEX_API_KEY"], secret_key=os.environ["POLONIEX_SECRET_KEY"]), name="spot"
)


@stream.on(Fill, consumer="ledger")
def book(fill):
    # What was not acknowledged before a crash comes again, with the same id.
    row = (fill.id, fill.symbol, str(fill.side), str(fill.quantity))
    done = ledger.execute("INSERT OR IGNORE INTO fills VALUES (?, ?, ?, ?)", row)
    print("booked" if done.rowcount else "known", fill.symbol, fill.side, fill.quantity, fill.origin, flush=True)


@stream.on(Live, consumer="ledger")  # each consumer is told in order, and another one may be ahead
def caught_up(event):
    print("live: what happened while this program was away is booked", flush=True)


manager.run()
