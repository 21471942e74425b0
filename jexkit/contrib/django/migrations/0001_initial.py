"""The tables of the journal, of the lease, and of the streams' state."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.CreateModel(
            name="DeadLetter",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("position", models.BigIntegerField()),
                ("stream", models.CharField(max_length=100)),
                ("event_id", models.CharField(max_length=255)),
                ("type", models.CharField(max_length=50)),
                ("event", models.TextField()),
                ("consumer", models.CharField(max_length=100)),
                ("callback", models.CharField(max_length=255)),
                ("traceback", models.TextField()),
                ("attempts", models.IntegerField()),
                ("failed_ms", models.BigIntegerField()),
                ("is_wanted", models.BooleanField(default=False, verbose_name="to be delivered again")),
            ],
            options={
                "verbose_name": "dead letter",
                "db_table": "jexkit_dead_letter",
            },
        ),
        migrations.CreateModel(
            name="JournalHead",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("last", models.BigIntegerField(default=0)),
                ("writer", models.CharField(default="", max_length=64)),
            ],
            options={
                "db_table": "jexkit_head",
            },
        ),
        migrations.CreateModel(
            name="JournalMemory",
            fields=[
                ("stream", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField()),
                ("value", models.TextField()),
            ],
            options={
                "db_table": "jexkit_memory",
            },
        ),
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("token", models.CharField(max_length=64)),
                ("holder", models.CharField(max_length=255)),
                ("renewed", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "jexkit_lease",
            },
        ),
        migrations.CreateModel(
            name="StreamState",
            fields=[
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("exchange", models.CharField(max_length=50)),
                ("state", models.CharField(max_length=20)),
                ("last_proof", models.DateTimeField(null=True)),
                ("last_event", models.DateTimeField(null=True)),
                ("last_error", models.TextField(blank=True)),
                ("status", models.JSONField(default=dict)),
                ("holder", models.CharField(max_length=255)),
                ("reported", models.DateTimeField()),
            ],
            options={
                "verbose_name": "stream",
                "db_table": "jexkit_stream",
            },
        ),
        migrations.CreateModel(
            name="JournalConsumer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stream", models.CharField(max_length=100)),
                ("consumer", models.CharField(max_length=100)),
                ("position", models.BigIntegerField()),
            ],
            options={
                "verbose_name": "consumer",
                "db_table": "jexkit_consumer",
                "constraints": [models.UniqueConstraint(fields=("stream", "consumer"), name="jexkit_consumer_once")],
            },
        ),
        migrations.CreateModel(
            name="JournalEvent",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("stream", models.CharField(max_length=100)),
                ("event_id", models.CharField(max_length=255)),
                ("type", models.CharField(max_length=50)),
                ("received_ms", models.BigIntegerField()),
                ("event", models.TextField()),
            ],
            options={
                "verbose_name": "event",
                "db_table": "jexkit_event",
                "indexes": [models.Index(fields=["stream", "position"], name="jexkit_event_stream")],
                "constraints": [models.UniqueConstraint(fields=("stream", "event_id"), name="jexkit_event_once")],
            },
        ),
    ]
