"""The table of trades."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.CreateModel(
            name="Trade",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.CharField(max_length=200, unique=True)),
                ("symbol", models.CharField(max_length=50)),
                ("side", models.CharField(max_length=10)),
                ("quantity", models.DecimalField(decimal_places=18, max_digits=40)),
                ("price", models.DecimalField(decimal_places=18, max_digits=40)),
            ],
        ),
    ]
