"""A program that has an APScheduler already hands it to jexkit, which then makes no scheduler of its own."""

import os
import threading

from apscheduler.schedulers.background import BackgroundScheduler

from jexkit import BalanceUpdate, Poloniex, StreamManager

scheduler = BackgroundScheduler()
scheduler.start()  # the host starts and stops it

manager = StreamManager(scheduler=scheduler)
stream = manager.add(
    Poloniex(api_key=os.environ["POLONIEX_API_KEY"], secret_key=os.environ["POLONIEX_SECRET_KEY"]),
)
enough = threading.Event()


@stream.on(BalanceUpdate)
def note(balance):
    print(balance.asset, balance.total)


@scheduler.scheduled_job("interval", seconds=1)
def report():
    """A job of the host's own, beside those of jexkit."""
    print(f"state: {stream.state} last proof: {stream.status().last_proof}")
    if stream.status().last_proof is not None:
        enough.set()


with manager:
    enough.wait(60)
scheduler.shutdown()
