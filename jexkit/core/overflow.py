"""What happens when a program's callbacks do not keep up, and the queue before them is full."""

from __future__ import annotations

from collections.abc import Sequence

from jexkit.errors import ConfigurationError
from jexkit.events import Event, Fill, Gap, Lost, Suspended, SuspendReason, Word

QUEUE_SIZE = 10_000
LARGEST_QUEUE = 10_000_000
TOO_SLOW = "the program's callbacks did not keep up"


class Overflow(Word):
    """The declared policy of a full queue; ``StreamManager(overflow=...)``.

    SPILL, with a journal: events are in the journal anyway, so memory keeps a part, and the rest is read from there.
    RECOVER: what is queued is dropped, ``Suspended`` (overflow) is told, and once the callbacks have caught up, what
    happened is read over REST, as after any absence. BLOCK: the reader waits for room, for as long as the connection
    bears it; then it lets pass what comes until the callbacks have caught up, and that is read over REST.
    """

    SPILL = "spill"
    RECOVER = "recover"
    BLOCK = "block"


def chosen(overflow: Overflow | str | None, *, has_journal: bool) -> Overflow:
    """The policy that was asked for, or the default. Raises ConfigurationError for one that cannot work."""
    if overflow is None:
        return Overflow.SPILL if has_journal else Overflow.RECOVER
    try:
        policy = Overflow(overflow)
    except ValueError:
        names = ", ".join(f"jexkit.Overflow.{name}" for name in Overflow.__members__)
        raise ConfigurationError(f"overflow is {overflow!r}; use one of {names}") from None
    if policy is Overflow.SPILL and not has_journal:
        raise ConfigurationError("Overflow.SPILL needs a journal to spill to; give journal= as well, or use RECOVER")
    if policy is Overflow.RECOVER and has_journal:
        raise ConfigurationError("Overflow.RECOVER would drop what the journal keeps; use SPILL with a journal")
    return policy


def check_queue_size(size: object) -> None:
    """Raises ConfigurationError for what is no number of events."""
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST_QUEUE:
        raise ConfigurationError(f"queue_size is {size!r}; give a number of events from 1 to {LARGEST_QUEUE}")


def sorted_out(queued: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """What of a queue must be told all the same, and what is dropped, to be found out again over REST.

    A gap would be told by nobody else. And a fill that was computed from its order's update cannot be computed again
    once that update was told, so it goes with it: it is the first in the queue then.
    """
    kept, dropped = list[Event](), list[Event]()
    for number, event in enumerate(queued):
        follows_its_order = number == 0 and isinstance(event, Fill) and event.derived
        (kept if follows_its_order or _is_last_word(event) else dropped).append(event)
    return kept, dropped


def _is_last_word(event: Event) -> bool:
    return isinstance(event, (Gap, Lost)) or (isinstance(event, Suspended) and event.reason is SuspendReason.OVERFLOW)
