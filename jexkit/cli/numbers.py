"""Numbers on the command line: within their range, and finite."""

from __future__ import annotations

import math
from typing import Any

import click


class Number(click.FloatRange):
    """A range that "nan" is outside of, which compares with nothing."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


SECONDS = Number(min=0, min_open=True, max=100_000_000)  # three years; a wait of the system's ends somewhere
RATE = Number(min=0, max=10_000)  # things that happen per second
SPEED = Number(min=0, min_open=True, max=1_000_000)
