"""A site of the tests that starts its streams where it is imported, as people do who have not read the docs."""

import json
import os
from pathlib import Path

from flask import Flask

from jexkit import Fill
from jexkit.contrib.flask import JexKit

app = Flask(__name__, instance_path=os.environ["FOLDER"])
app.config["JEXKIT_STREAMS"] = {"main": json.loads(os.environ["ACCOUNT"])}
app.config["JEXKIT_STANDBY"] = os.environ.get("STANDBY") == "1"
jexkit = JexKit(app)
app.register_blueprint(jexkit.health(), url_prefix="/jexkit")


@jexkit.on(Fill)
def book(fill):
    with (Path(app.instance_path) / "booked").open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {fill.id}\n")
    if "FAIL" in os.environ:
        raise LookupError("of the program")


if "START" in os.environ:
    jexkit.start(app)
