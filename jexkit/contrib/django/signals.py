"""Events as Django signals, for code that listens rather than being listed.

::

    from django.dispatch import receiver
    from jexkit import Fill
    from jexkit.contrib.django.signals import event_received

    @receiver(event_received, sender=Fill)
    def book(sender, event, **kwargs):
        ...
"""

from __future__ import annotations

from django.dispatch import Signal

from jexkit.events import Event

event_received = Signal()
"""Sent for every event after the handlers, on the stream's delivery thread, in the process that holds the streams.

``sender`` is the event's class, ``event`` the event. It is sent with ``send_robust``: a receiver that raises is logged
by Django (logger ``django.dispatch``) and disturbs nobody. What has to be retried belongs into a handler.
"""


def send(event: Event) -> None:
    """Send the signal for one event."""
    event_received.send_robust(sender=type(event), event=event)
