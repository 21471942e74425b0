"""The table of callbacks that had not returned when the process ended."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jexkit", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="JournalAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stream", models.CharField(max_length=100)),
                ("position", models.BigIntegerField()),
                ("consumer", models.CharField(max_length=100)),
                ("callback", models.CharField(max_length=255)),
                ("count", models.IntegerField()),
            ],
            options={
                "db_table": "jexkit_attempt",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("stream", "position", "consumer", "callback"), name="jexkit_attempt_once"
                    )
                ],
            },
        ),
    ]
