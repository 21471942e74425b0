"""The same for Celery: the manager of the parent is started when this is loaded, each worker process starts its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

from tests.servers.host import worker

where = Path(os.environ["JEXKIT_TEST_FOLDER"])
app = Celery("jexkit-test")
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={name: str(where) for name in ("data_folder_in", "data_folder_out", "control_folder")},
    result_backend=(where / "results").as_uri(),
    worker_hijack_root_logger=False,
    worker_prefetch_multiplier=1,
)
worker_process_init.connect(worker.begin, weak=False)
worker_process_shutdown.connect(worker.end, weak=False)


@app.task(name="report")
def report() -> dict[str, Any]:
    """What the process that runs this sees."""
    return worker.report()
