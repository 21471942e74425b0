"""What the site keeps."""

from django.db import models


class Trade(models.Model):
    """One fill. Its event's id is unique, so that no fill can be booked twice."""

    event_id = models.CharField(max_length=200, unique=True)
    symbol = models.CharField(max_length=50)
    side = models.CharField(max_length=10)
    quantity = models.DecimalField(max_digits=40, decimal_places=18)
    price = models.DecimalField(max_digits=40, decimal_places=18)
