"""What jexkit keeps in the site's own database: the journal, who writes and holds it, and how the streams are."""

from __future__ import annotations

from django.db import models


class JournalHead(models.Model):
    """One row: the last position that was given, and the token of the one who writes."""

    last = models.BigIntegerField(default=0)
    writer = models.CharField(max_length=64, default="")

    class Meta:
        db_table = "jexkit_head"


class JournalEvent(models.Model):
    """One event, as JSON text, and its place in the journal."""

    position = models.BigIntegerField(primary_key=True)
    stream = models.CharField(max_length=100)
    event_id = models.CharField(max_length=255)
    type = models.CharField(max_length=50)
    received_ms = models.BigIntegerField()
    event = models.TextField()

    class Meta:
        db_table = "jexkit_event"
        verbose_name = "event"
        constraints = (models.UniqueConstraint(fields=("stream", "event_id"), name="jexkit_event_once"),)
        indexes = (models.Index(fields=("stream", "position"), name="jexkit_event_stream"),)

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class JournalConsumer(models.Model):
    """How far the consumers of a stream have come."""

    stream = models.CharField(max_length=100)
    consumer = models.CharField(max_length=100)
    position = models.BigIntegerField()

    class Meta:
        db_table = "jexkit_consumer"
        verbose_name = "consumer"
        constraints = (models.UniqueConstraint(fields=("stream", "consumer"), name="jexkit_consumer_once"),)

    def __str__(self) -> str:
        return f"{self.consumer} of {self.stream}"


class JournalMemory(models.Model):
    """What the recovery of a stream has to remember, as JSON text, and the last event that it has taken in."""

    stream = models.CharField(max_length=100, primary_key=True)
    position = models.BigIntegerField()
    value = models.TextField()

    class Meta:
        db_table = "jexkit_memory"


class JournalAttempt(models.Model):
    """Callbacks that were called and had not returned when the process ended, and how often that has been so."""

    stream = models.CharField(max_length=100)
    position = models.BigIntegerField()
    consumer = models.CharField(max_length=100)
    callback = models.CharField(max_length=255)
    count = models.IntegerField()

    class Meta:
        db_table = "jexkit_attempt"
        constraints = (
            models.UniqueConstraint(fields=("stream", "position", "consumer", "callback"), name="jexkit_attempt_once"),
        )


class DeadLetter(models.Model):
    """An event that one callback kept failing on, with a copy of the event."""

    number = models.BigAutoField(primary_key=True)
    position = models.BigIntegerField()
    stream = models.CharField(max_length=100)
    event_id = models.CharField(max_length=255)
    type = models.CharField(max_length=50)
    event = models.TextField()
    consumer = models.CharField(max_length=100)
    callback = models.CharField(max_length=255)
    traceback = models.TextField()
    attempts = models.IntegerField()
    failed_ms = models.BigIntegerField()
    is_wanted = models.BooleanField("to be delivered again", default=False)

    class Meta:
        db_table = "jexkit_dead_letter"
        verbose_name = "dead letter"

    def __str__(self) -> str:
        return f"dead letter {self.number}: {self.callback} on {self.type} {self.event_id}"


class Lease(models.Model):
    """Who holds the streams, where ``LOCK`` is "database", and when that was last renewed by the database's clock."""

    name = models.CharField(max_length=100, primary_key=True)
    token = models.CharField(max_length=64)
    holder = models.CharField(max_length=255)
    renewed = models.DateTimeField(null=True)  # None: it was released

    class Meta:
        db_table = "jexkit_lease"


class StreamState(models.Model):
    """How a stream is, as the process that holds it wrote it down last."""

    name = models.CharField(max_length=100, primary_key=True)
    exchange = models.CharField(max_length=50)
    state = models.CharField(max_length=20)
    last_proof = models.DateTimeField(null=True)
    last_event = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    status = models.JSONField(default=dict)
    holder = models.CharField(max_length=255)
    reported = models.DateTimeField()

    class Meta:
        db_table = "jexkit_stream"
        verbose_name = "stream"

    def __str__(self) -> str:
        return str(self.name)
