"""One holder of the streams among all processes that share a database, on however many hosts.

A row says who holds it and when that was renewed last, by the database's clock, which is the same for all. So a holder
that hangs is replaced after a lease. On PostgreSQL the holder has an advisory lock besides, on a connection of its own:
the server drops it the moment the process dies or its host is cut off, and the next one need not wait for the lease.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, IntegrityError, connections, transaction
from django.db.models import Q
from django.db.models.functions import Now

from jexkit.arguments import check_seconds
from jexkit.contrib.django.claim import JOURNAL, AdvisoryLock, end_holders
from jexkit.contrib.django.connections import refresh, release
from jexkit.contrib.django.models import Lease
from jexkit.contrib.django.trouble import where_of
from jexkit.core.lock import Lock
from jexkit.errors import LockError

NAME = "streams"


class DatabaseLock(Lock):
    """``StreamManager(lock=DatabaseLock())``; ``JEXKIT['LOCK'] = "database"`` makes one.

    ``using`` is the alias of the database, ``lease`` the seconds after which a holder that hangs is replaced. An
    advisory lock belongs to a connection: a pooler between this and PostgreSQL has to keep one for the session.
    """

    def __init__(self, using: str = DEFAULT_DB_ALIAS, *, lease: float = 10.0) -> None:
        check_seconds("lease", lease)
        self.using = using
        self.lease = float(lease)
        self.has_superseded = False
        self._token = ""
        self._advisory: AdvisoryLock | None = None

    def __repr__(self) -> str:
        return f"<DatabaseLock in {self.using!r}>"

    def acquire(self) -> bool:
        with self._at_database():
            self.has_superseded = False
            self._token = secrets.token_hex(16)
            is_ours = self._acquire_advisory() if self._has_advisory() else self._take_row()
            if not is_ours:
                self._token = ""
            return is_ours

    def renew(self) -> bool:
        with self._at_database():
            if not self._token or (self._has_advisory() and not self._keep_advisory()):
                return self._lose()
            mine = self._row().filter(token=self._token)
            return bool(mine.update(renewed=Now())) or self._lose()

    def release(self) -> None:
        if not self._token:
            return
        with self._at_database():
            self._row().filter(token=self._token).update(renewed=None)
            self._lose()

    def holder(self) -> str:
        with self._at_database():
            row = self._row().filter(renewed__isnull=False).first()
            return "" if row is None else str(row.holder)

    # --- the row ----------------------------------------------------------------------------------------------------

    def _row(self) -> Any:
        return Lease.objects.using(self.using).filter(name=NAME)

    def _mine(self) -> dict[str, Any]:
        return {"token": self._token, "holder": f"process {os.getpid()} on {socket.gethostname()}", "renewed": Now()}

    def _take_row(self) -> bool:
        """Only if it is free, or its lease is over: of several who try, the database lets one."""
        is_over = Q(renewed__lt=Now() - timedelta(seconds=self.lease))
        if self._row().filter(renewed__isnull=True).update(**self._mine()):
            return True
        if self._row().filter(is_over).update(**self._mine()):
            self.has_superseded = True
            return True
        if self._row().exists():
            return False
        try:
            Lease.objects.using(self.using).create(name=NAME, **self._mine())
        except IntegrityError:
            return False
        return True

    # --- PostgreSQL -------------------------------------------------------------------------------------------------

    def _has_advisory(self) -> bool:
        return bool(connections[self.using].vendor == "postgresql")

    def _acquire_advisory(self) -> bool:
        """Whoever tries has the row to itself: else one could take the row while another takes the advisory lock."""
        Lease.objects.using(self.using).bulk_create([Lease(name=NAME, token="", holder="")], ignore_conflicts=True)
        try:
            with transaction.atomic(using=self.using):
                self._row().select_for_update().get()
                self._advisory = AdvisoryLock.take(self.using, NAME) or self._supersede()
                if self._advisory is not None:
                    self._row().update(**self._mine())
        except BaseException:
            self._lose()
            raise
        return self._advisory is not None

    def _supersede(self) -> AdvisoryLock | None:
        """From a holder whose connection lives, but who has not renewed for a lease."""
        if not self._row().filter(renewed__lt=Now() - timedelta(seconds=self.lease)).exists():
            return None
        end_holders(self.using, NAME, JOURNAL)
        self.has_superseded = True
        return AdvisoryLock.take(self.using, NAME)

    def _keep_advisory(self) -> bool:
        """After a restart of the database it is taken again, unless another process was quicker."""
        if self._advisory is not None and self._advisory.is_held():
            return True
        if self._advisory is not None:
            self._advisory.release()
        self._advisory = AdvisoryLock.take(self.using, NAME)
        return self._advisory is not None

    def _lose(self) -> bool:
        advisory, self._advisory, self._token = self._advisory, None, ""
        if advisory is not None:
            advisory.release()
        return False

    @contextmanager
    def _at_database(self) -> Iterator[None]:
        try:
            refresh()
            yield
        except Error as error:
            text = " ".join(str(error).split())
            raise LockError(f"the lock in the {where_of(self.using)} cannot be told: {text}") from error
        finally:
            release()
