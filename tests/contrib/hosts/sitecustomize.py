"""Put on the path of a process by a test: "the real exchange" is the simulator, and nothing else changes."""

import json
import os

if "EXAMPLE_HOSTS" in os.environ:
    from jexkit.accounts import ACCOUNTS

    for exchange, hosts in json.loads(os.environ["EXAMPLE_HOSTS"]).items():
        ACCOUNTS[exchange].hosts = {False: tuple(hosts)}
