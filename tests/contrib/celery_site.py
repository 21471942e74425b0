"""A Celery app of the tests: its worker follows the simulator's account, and its tasks write down what they get."""

import json
import os
from pathlib import Path

from celery import Celery

import jexkit
from jexkit import Event, Fill, Live, StreamManager
from jexkit.accounts import ACCOUNTS
from jexkit.contrib.celery import follow, send_to

app = Celery("site", broker=os.environ["BROKER"])
app.conf.task_default_queue = os.environ["QUEUE"]
app.conf.broker_connection_retry_on_startup = True
FOLDER = Path(os.environ["FOLDER"])


@app.task
def book(record):
    event = jexkit.from_dict(record)
    with (FOLDER / "booked").open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {book.request.id} {event.id}\n")


def make_manager():
    described = json.loads(os.environ["ACCOUNT"])
    manager = StreamManager(journal=FOLDER / "jexkit.db")
    manager.add(ACCOUNTS[described.pop("exchange")](**described), "main")
    manager.on(Event, send_to(book, types=[Fill]), consumer="celery")
    manager.on(Live, lambda event: (FOLDER / "live").write_text(str(os.getpid()), "utf-8"))
    return manager


if os.environ.get("FOLLOW"):
    follow(app, make_manager)
