"""Writes the golden files anew: ``python -m tests.wire.regenerate [EXCHANGE ...]``.

What it writes is what the code does, right or wrong: read the difference before it is committed. See README.md here.
"""

from __future__ import annotations

import importlib
import json
import sys

from tests.wire.corpus import HERE, written


def exchanges() -> list[str]:
    """Every exchange of which messages are recorded."""
    return sorted(path.stem for path in HERE.glob("*.jsonl"))


def regenerate(exchange: str) -> None:
    """Read the stream's messages as the exchange's own test does, and write what comes out."""
    golden = HERE / "golden" / f"{exchange}.json"
    if not golden.exists():
        golden.write_text("{}\n", "utf-8")
    test = importlib.import_module(f"tests.exchanges.{exchange}.test_wire")
    results = {str(message): written(test.read(message.payload)) for message in test.MESSAGES}
    golden.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or exchanges():
        regenerate(name)
        sys.stdout.write(f"wrote {name}\n")
