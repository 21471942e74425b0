"""How much a journal keeps of what nobody needs any more."""

from __future__ import annotations

import attrs

from jexkit.errors import ConfigurationError

DAY_MS = 86_400_000
LEAST_DAYS = 1 / 24  # recovery asks again for the last minutes, and what it finds must be known still


@attrs.frozen
class Retention:
    """Entries are kept for ``days`` after they were received, and no more than ``entries`` of them.

    What a known consumer has not acknowledged stays, however old and however much it is.
    """

    days: float = 30.0
    entries: int = 1_000_000

    def __attrs_post_init__(self) -> None:
        if isinstance(self.days, bool) or not isinstance(self.days, (int, float)) or not self.days >= LEAST_DAYS:
            raise ConfigurationError(f"keep_days is {self.days!r}; give days, at least {LEAST_DAYS:.3f} (an hour)")
        if isinstance(self.entries, bool) or not isinstance(self.entries, int) or self.entries < 1:
            raise ConfigurationError(f"keep_entries is {self.entries!r}; give a whole number of entries, 1 or more")

    def oldest_ms(self, now_ms: int) -> float:
        """What was received before this time need not be kept."""
        return now_ms - self.days * DAY_MS
