"""The seam of the lock by which one of many processes holds the streams, while the others stand by."""

from __future__ import annotations

import abc

SHARES = 5  # a tenure is renewed so often within one lease
SAFE = 0.8  # of a lease: the part of it in which the holder acts; the rest lies between it and whoever takes over


class Lock(abc.ABC):
    """Held by one process at a time: ``StreamManager(lock=...)``. ``jexkit.FileLock`` is the one for a single host.

    A lock for many hosts (a database's advisory lock, a row with a time in it) is a class with these three methods. It
    holds if each of them keeps its promise; everything else is done around it, the same for all:

    * One thread, ``jexkit-lock``, calls them, one at a time: ``acquire`` about once a second while the process stands
      by, ``renew`` five times a lease while it holds.
    * It renews only as long as the streams are well: while each reader has looked up from its work not long ago. A
      process that is stopped, swapped out or stuck renews nothing; what is left of it gives the lock up.
    * What was acquired or renewed counts from before the call, on this machine's monotonic clock, and for four fifths
      of the lease. When that is over no callback is begun, whether or not the thread that renews is awake to say so. In
      the last fifth, callbacks under way can come to their end before another process takes over.
    * A holder whose ``renew`` is answered with False steps down: it drops its connections without a farewell, delivers
      nothing more, and stands by.

    So a process that is not the holder begins no callback. What can happen is that a callback which was under way when
    its process hung goes on, when that wakes, beside the new holder: nothing can call it back.
    """

    lease: float = 10.0
    """Seconds for which one ``acquire`` or ``renew`` is good. After a hang it takes so long until another one holds."""

    has_superseded: bool = False
    """Whether the last ``acquire`` ended the lease of a holder that may live still. It takes the journal from that."""

    @abc.abstractmethod
    def acquire(self) -> bool:
        """Try once to become the holder, without waiting for the present one. True: this process holds it now.

        It is free if it was released, if its holder is known to be dead, or if that has not renewed it for a lease.
        Must return within a fraction of the lease. Raises LockError if there is no telling.
        """

    @abc.abstractmethod
    def renew(self) -> bool:
        """The holder is well. False: another process has taken the lock, or it is gone; this one holds it no more.

        Must not bring back a lock that another has taken. Raises LockError if there is no telling; it is tried again
        then, until the lease is over.
        """

    @abc.abstractmethod
    def release(self) -> None:
        """Give it up at once, so that another one need not wait. Nothing if it is not held. Raises LockError."""

    def holder(self) -> str:
        """Who holds it, in words for a log; empty if that is not known."""
        return ""
