"""jexkit in a Django site. Add ``"jexkit.contrib.django"`` to INSTALLED_APPS and a dict ``JEXKIT`` to the settings.

::

    # shop/streams.py, in any app of the site
    from jexkit import OrderUpdate
    from jexkit.contrib.django import on

    @on(OrderUpdate, stream="main")
    def keep(order):
        ...

``python manage.py jexkit run`` holds the streams and calls the handlers; nothing else does. The settings are told in
``jexkit.contrib.django.conf``.
"""

from jexkit.contrib.handlers import Handlers

HANDLERS = Handlers()
"""The handlers of the site, in the order in which its apps are installed."""

on = HANDLERS.on
