"""What the handlers write."""

from django.db import models


class Note(models.Model):
    """One line."""

    text = models.CharField(max_length=200)
