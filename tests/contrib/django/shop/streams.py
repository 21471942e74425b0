"""Found by the system checks and by ``jexkit run``, and by nothing else."""

from jexkit import Fill
from jexkit.contrib.django import on

SEEN: list[Fill] = []


@on(Fill, stream="main")
def see(fill: Fill) -> None:
    SEEN.append(fill)
