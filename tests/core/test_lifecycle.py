"""The table of moves makes sense as a whole."""

from __future__ import annotations

import pytest

from jexkit.core.lifecycle import ENDED, MOVES, Phase, State, state_of


def test_every_phase_has_its_moves() -> None:
    assert MOVES.keys() == set(Phase)


@pytest.mark.parametrize("phase", set(Phase) - {Phase.STOPPED}, ids=lambda phase: phase.value)
def test_every_phase_can_be_stopped(phase: Phase) -> None:
    """Only the end has no way out."""
    assert Phase.STOPPED in MOVES[phase]


def test_the_end_is_the_end() -> None:
    assert MOVES[Phase.STOPPED] == frozenset()
    assert MOVES[Phase.LOST] == {Phase.STOPPED}
    assert {Phase.LOST, Phase.STOPPED} == ENDED


def test_live_is_reached_only_through_a_login() -> None:
    """There is one way to Live, and every phase can be reached from the beginning."""
    assert [phase for phase, moves in MOVES.items() if Phase.LIVE in moves] == [Phase.RECOVERING]
    reached, todo = set(), [Phase.IDLE]
    while todo:
        phase = todo.pop()
        reached.add(phase)
        todo += MOVES[phase] - reached
    assert reached == set(Phase)


@pytest.mark.parametrize(
    ("phase", "before", "after"),
    [
        (Phase.IDLE, State.IDLE, State.IDLE),
        (Phase.PREPARING, State.CONNECTING, State.SUSPENDED),
        (Phase.OPENING, State.CONNECTING, State.SUSPENDED),
        (Phase.ENTERING, State.CONNECTING, State.SUSPENDED),
        (Phase.WAITING, State.CONNECTING, State.SUSPENDED),
        (Phase.LIVE, State.LIVE, State.LIVE),
        (Phase.LOST, State.LOST, State.LOST),
        (Phase.STOPPED, State.STOPPED, State.STOPPED),
    ],
    ids=lambda value: str(value.value),
)
def test_the_programs_word_for_a_phase(phase: Phase, before: State, after: State) -> None:
    """On the way to the first Live a stream is connecting; later the same phases are a suspension."""
    assert state_of(phase, was_live=False) is before
    assert state_of(phase, was_live=True) is after
