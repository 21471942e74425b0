"""The journal in the site's own database, so that what handlers write and the acknowledgement are one transaction.

Each event is written, and committed, before a handler sees it. Around the handlers of an event is a transaction that
acknowledges it: either the handler's writes and the acknowledgement are kept, or neither, whatever happens in between.
So the effect on this database happens exactly once, and so does that of a dead letter which is delivered again. (What a
handler does elsewhere, such as sending a mail, can happen again.) Two processes that both believe to be the holder
cannot undo this: an acknowledgement is a row that only one of their transactions can move on.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction

from jexkit.contrib.django import letters, rows
from jexkit.contrib.django.claim import Claim, claim_journal
from jexkit.contrib.django.connections import close_with_thread
from jexkit.contrib.django.models import JournalHead
from jexkit.contrib.django.trouble import AWAY, in_words, where_of
from jexkit.core.journal import (
    MAIN,
    PRUNE_LIMIT,
    READ_LIMIT,
    Append,
    Attempt,
    DeadLetter,
    Entry,
    Journal,
    JournalStatus,
    Memory,
    Reader,
)
from jexkit.core.retention import Retention
from jexkit.errors import JournalTaken, UnknownEntry, UsageError
from jexkit.events import Event


class DjangoJournal(Journal):
    """``StreamManager(journal=DjangoJournal())``; ``JEXKIT['JOURNAL'] = "database"`` makes one.

    ``using`` is the alias of the database: PostgreSQL, or SQLite in a file. ``keep_days`` and ``keep_entries``: how
    long, and how many, events are kept that every consumer has acknowledged.
    """

    def __init__(
        self, using: str = DEFAULT_DB_ALIAS, *, keep_days: float = 30.0, keep_entries: int = 1_000_000
    ) -> None:
        self.retention = Retention(keep_days, keep_entries)
        self.using = using
        self._claim: Claim | None = None
        self._token = ""
        self._refused = 0

    def __repr__(self) -> str:
        return f"<DjangoJournal in {self.using!r}>"

    # --- life -------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        self._open()

    def take_over(self) -> None:
        self._open(by_force=True)

    def _open(self, *, by_force: bool = False) -> None:
        with self._at_database():
            if self._claim is not None:
                raise JournalTaken(f"{self!r} is in use already; give each manager one of its own", self.using)
            self._claim = claim_journal(self.using, by_force=by_force)
            try:
                self._token = secrets.token_hex(16)
                JournalHead.objects.using(self.using).update_or_create(pk=1, defaults={"writer": self._token})
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        claim, self._claim, self._token = self._claim, None, ""
        if claim is not None:
            claim.release()

    # --- the writer's -----------------------------------------------------------------------------------------------

    def write(
        self, appends: Sequence[Append], acknowledgements: Mapping[Reader, int] | None = None
    ) -> list[list[Entry]]:
        with self._writing():
            last = first = JournalHead.objects.using(self.using).get(pk=1).last
            written = []
            for append in appends:
                written.append(rows.append(self.using, append, last))
                last += len(written[-1])
                if append.memory is not None:
                    rows.remember(self.using, append.stream, last, append.memory)
            if last != first:
                JournalHead.objects.using(self.using).filter(pk=1).update(last=last)
            for (stream, consumer), position in (acknowledgements or {}).items():
                rows.acknowledge(self.using, stream, consumer, position)
        self._refused += sum(len(append.events) for append in appends) - (last - first)
        return written

    def prune(self, now_ms: int, limit: int = PRUNE_LIMIT) -> int:
        with self._writing():
            first_kept = JournalHead.objects.using(self.using).get(pk=1).last - self.retention.entries + 1
            return rows.prune(self.using, first_kept, self.retention.oldest_ms(now_ms), limit)

    def handling(self, entry: Entry, consumer: str) -> AbstractContextManager[object]:
        return self._handling(entry, consumer)

    @contextmanager
    def _handling(self, entry: Entry, consumer: str) -> Iterator[None]:
        """Acknowledged first: whoever else handles this event waits here for our end, and then finds it done."""
        with self._at_database(AWAY), transaction.atomic(using=self.using):
            with in_words(self.using):
                is_ours = rows.acknowledge(self.using, entry.stream, consumer, entry.position)
            if not is_ours:
                raise JournalTaken(
                    f"event {entry.event.id!r} was handled by another process; this one holds {entry.stream!r} no more",
                    where_of(self.using),
                )
            yield  # errors of the handlers, and a constraint that fails at the end, stay what they are

    def replaying(self, letter: DeadLetter) -> AbstractContextManager[object]:
        return self._replaying(letter)

    @contextmanager
    def _replaying(self, letter: DeadLetter) -> Iterator[None]:
        """Forgotten first: whoever else delivers this letter waits here for our end, and then finds it gone."""
        with self._at_database(AWAY), transaction.atomic(using=self.using):
            with in_words(self.using):
                letters.remove(self.using, letter.number)
            yield

    # --- attempts ---------------------------------------------------------------------------------------------------

    def begin(self, attempt: Attempt) -> None:
        with self._at_database(), transaction.atomic(using=self.using):
            rows.begin(self.using, attempt)

    def finish(self, attempt: Attempt) -> None:
        with self._at_database():
            rows.finish(self.using, attempt)

    def unfinished(self, stream: str) -> list[Attempt]:
        with self._at_database():
            return rows.unfinished(self.using, stream)

    # --- anybody's --------------------------------------------------------------------------------------------------

    def last(self) -> int:
        with self._at_database():
            head = JournalHead.objects.using(self.using).filter(pk=1).first()
            return 0 if head is None else int(head.last)

    def read(
        self,
        after: int = 0,
        *,
        stream: str | None = None,
        types: Sequence[type[Event]] = (),
        limit: int = READ_LIMIT,
    ) -> list[Entry]:
        with self._at_database():
            return rows.read(self.using, after, stream, types, limit)

    def position(self, stream: str, consumer: str = MAIN) -> int:
        with self._at_database():
            return rows.position(self.using, stream, consumer) or 0

    def recall(self, stream: str) -> Memory | None:
        with self._at_database():
            return rows.recall(self.using, stream)

    def status(self) -> JournalStatus:
        with self._at_database(), transaction.atomic(using=self.using):
            count, first, last = rows.extent(self.using)
            return JournalStatus(
                where=where_of(self.using),
                entries=count,
                first=first,
                last=last,
                bytes=rows.size(self.using),
                refused=self._refused,
                dead_letters=letters.count(self.using),
                consumers=rows.progress(self.using),
            )

    # --- dead letters -----------------------------------------------------------------------------------------------

    def set_aside(self, letter: DeadLetter) -> DeadLetter:
        with self._at_database():
            return letters.add(self.using, letter)

    def dead_letters(self, *, wanted: bool = False, limit: int = READ_LIMIT) -> list[DeadLetter]:
        with self._at_database():
            return letters.find(self.using, wanted, limit)

    def replay(self, number: int) -> None:
        with self._at_database():
            letters.want(self.using, number)

    def discard(self, number: int) -> None:
        with self._at_database():
            letters.remove(self.using, number)

    # --- consumers --------------------------------------------------------------------------------------------------

    def rewind(self, stream: str, consumer: str, position: int) -> None:
        with self._at_database(), transaction.atomic(using=self.using):
            known = self._known(stream, consumer)
            if not 0 <= position <= known:
                said = f"consumer {consumer!r} of {stream!r} is at {known}, not yet at {position}"
                raise UnknownEntry(said, where_of(self.using))
            rows.set_position(self.using, stream, consumer, position)

    def forget(self, stream: str, consumer: str) -> None:
        with self._at_database(), transaction.atomic(using=self.using):
            self._known(stream, consumer)
            rows.forget(self.using, stream, consumer)

    def _known(self, stream: str, consumer: str) -> int:
        position = rows.position(self.using, stream, consumer)
        if position is None:
            said = f"stream {stream!r} has no consumer {consumer!r} in the journal"
            raise UnknownEntry(said, where_of(self.using))
        return position

    # --- inner ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _at_database(self, kinds: tuple[type[Error], ...] = (Error,)) -> Iterator[None]:
        """With a connection that works, kept no longer than CONN_MAX_AGE says, and errors in words."""
        connection = connections[self.using]
        if connection.in_atomic_block:
            with in_words(self.using, kinds):
                yield
            return
        try:
            with in_words(self.using, kinds):
                close_with_thread(connection)
                connection.close_if_unusable_or_obsolete()
                yield
        finally:
            connection.close_if_unusable_or_obsolete()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction of the writer. It begins with a write, so that SQLite waits for its turn and never fails."""
        if self._claim is None:
            raise UsageError("the journal is not open; call open() first, or give it to a StreamManager")
        with self._at_database(), transaction.atomic(using=self.using):
            head = JournalHead.objects.using(self.using).filter(pk=1, writer=self._token)
            if not head.update(writer=self._token):
                raise JournalTaken(f"another process has begun to write {self!r}", where_of(self.using))
            yield
