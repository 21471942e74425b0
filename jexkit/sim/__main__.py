"""`python -m jexkit.sim`: the four exchanges on loopback until standard input closes or a signal comes."""

from __future__ import annotations

import argparse
import sys

from jexkit.sim.serve import serve
from jexkit.sim.simulator import EXCHANGES


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="python -m jexkit.sim", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="same seed, same credentials and market")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds of exchange time per real second")
    parser.add_argument("--rate", type=float, default=0.0, help="actions of the market script per second")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; keep it on loopback")
    parser.add_argument("--account", action="append", help="account to make on every exchange (default: main)")
    for name in (*EXCHANGES, "control"):
        parser.add_argument(f"--{name.replace('_', '-')}-port", dest=f"port_{name}", type=int, default=0)
    asked = parser.parse_args()
    ports = {name[5:]: port for name, port in vars(asked).items() if name.startswith("port_") and port}
    serve(
        out=sys.stdout,
        seed=asked.seed,
        speed=asked.speed,
        host=asked.host,
        ports=ports,
        accounts=asked.account or ["main"],
        rate=asked.rate,
        until=sys.stdin,
    )


if __name__ == "__main__":
    main()
