"""System checks: what is wrong with the settings and the handlers, with a hint what to do, before anything runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from django.core import checks
from django.db import connections
from django.utils.module_loading import autodiscover_modules

from jexkit.contrib.accounts import BadSetting
from jexkit.contrib.django import HANDLERS, claim, conf
from jexkit.contrib.django.trouble import where_of

TAG = "jexkit"


def discover() -> None:
    """Import ``streams.py`` of every installed app, which declares its handlers."""
    autodiscover_modules("streams")


@checks.register(TAG)
def check_settings(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """The dict ``JEXKIT`` and its streams. A variable that is not set is a warning: the web's machine needs none."""
    del app_configs, kwargs
    found = conf.faults()
    if not found:
        found = [fault for stream in conf.read().streams.values() for fault in stream.faults(os.environ)]
    return [_message(fault) for fault in found]


@checks.register(TAG)
def check_journal(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """The site's own database can hold a journal, where that is where it is to be. Nothing is asked of the database."""
    del app_configs, kwargs
    if conf.faults():
        return []
    wanted = conf.read()
    if wanted.journal != conf.IN_DATABASE or connections[wanted.database].vendor in claim.VENDORS:
        return []
    what = f"{conf.SETTING}['JOURNAL'] is {conf.IN_DATABASE!r}, and the {where_of(wanted.database)} cannot hold one"
    hint = claim.INSTEAD[:1].upper() + claim.INSTEAD[1:]
    return [checks.Error(f"{what}: {claim.WHAT_CAN}.", hint=f"{hint}.", id="jexkit.E003")]


@checks.register(TAG)
def check_handlers(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Each handler is for a stream that there is."""
    del app_configs, kwargs
    return [] if conf.faults() else list(_strays())


def _strays() -> Iterator[checks.CheckMessage]:
    discover()
    streams = conf.read().streams
    for handler in HANDLERS.strays(streams):
        yield checks.Error(
            f"The handler {handler} is for the stream {handler.stream!r}, which JEXKIT['STREAMS'] does not have.",
            hint=f"Use one of {', '.join(map(repr, streams))}, or leave out stream= to get the events of all.",
            obj=handler.callback,
            id="jexkit.E002",
        )


def _message(fault: BadSetting) -> checks.CheckMessage:
    kind = checks.Warning if fault.is_elsewhere else checks.Error
    hint = fault.hint[:1].upper() + fault.hint[1:] + ("" if fault.hint.endswith("?") else ".") if fault.hint else None
    return kind(f"{fault.where}: {fault.what}.", hint=hint, id="jexkit.W001" if fault.is_elsewhere else "jexkit.E001")
