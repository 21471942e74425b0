"""The real clocks and dice."""

from __future__ import annotations

import os
import time

from jexkit.engine.clock import Clock


def test_now_is_now_on_both_clocks() -> None:
    clock = Clock()
    before = time.monotonic(), time.time()
    now = clock.now()
    after = time.monotonic(), time.time()
    assert before[0] <= now.monotonic <= after[0]
    assert before[1] - 0.001 <= now.wall_ms / 1000 <= after[1]
    assert now.monotonic <= clock.monotonic()


def test_the_dice_show_numbers_from_0_up_to_1() -> None:
    clock = Clock()
    numbers = [clock.chance() for _ in range(1000)]
    assert all(0 <= number < 1 for number in numbers)
    assert len(set(numbers)) > 990


def test_a_fork_throws_other_dice() -> None:
    """Two processes that were one must not come back at the same moments."""
    clock = Clock()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, repr([clock.chance() for _ in range(5)]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as told:
        assert told.read() != repr([clock.chance() for _ in range(5)])
