"""The config of one app, checked when ``init_app`` reads it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from flask import Flask

from jexkit.arguments import check_seconds
from jexkit.contrib.accounts import BadSetting, Description, descriptions
from jexkit.errors import UsageError
from jexkit.manager import StreamManager

PREFIX = "JEXKIT_"
FILES = {"JOURNAL": "jexkit.db", "LOCK": "jexkit.lock", "STATUS": "jexkit.json"}
KEYS = ("STREAMS", *FILES, "STANDBY", "STOP_TIMEOUT")


@attrs.define
class Site:
    """What the config of one app says, and the manager that this process has started for it."""

    streams: Mapping[str, Description]
    journal: Path | None
    lock: Path
    status: Path
    standby: bool
    stop_timeout: float
    manager: StreamManager | None = None


def site_of(app: Flask) -> Site:
    """What ``init_app`` has read. Raises UsageError if it was not called."""
    site: Site | None = app.extensions.get("jexkit")
    if site is None:
        raise UsageError(f"app {app.name!r} has no JexKit; call JexKit(app) or init_app(app) first")
    return site


def read_config(app: Flask) -> Site:
    """The config of an app, checked as far as that goes without the environment. Raises BadSetting."""
    given = {key[len(PREFIX) :]: value for key, value in app.config.items() if key.startswith(PREFIX)}
    _check_keys(given)
    streams = descriptions(given.get("STREAMS"), "JEXKIT_STREAMS")
    for fault in (fault for stream in streams.values() for fault in stream.faults(os.environ)):
        if not fault.is_elsewhere:
            raise fault
    standby, stop_timeout = given.get("STANDBY", False), given.get("STOP_TIMEOUT", 10.0)
    if not isinstance(standby, bool):
        raise BadSetting("JEXKIT_STANDBY", f"is {standby!r}", "use True or False")
    check_seconds("JEXKIT_STOP_TIMEOUT", stop_timeout)
    return Site(
        streams=streams,
        journal=None if given.get("JOURNAL", "") is None else _path(app, given, "JOURNAL"),
        lock=_path(app, given, "LOCK"),
        status=_path(app, given, "STATUS"),
        standby=standby,
        stop_timeout=float(stop_timeout),
    )


def _check_keys(given: Mapping[str, Any]) -> None:
    for key in given:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            known = ", ".join(PREFIX + name for name in KEYS)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else f"there are {known}"
            raise BadSetting(f"{PREFIX}{key}", "is no key of jexkit", hint)


def _path(app: Flask, given: Mapping[str, Any], key: str) -> Path:
    value = given.get(key, FILES[key])
    if not isinstance(value, (str, os.PathLike)) or not str(value).strip():
        raise BadSetting(f"{PREFIX}{key}", f"is {value!r}", "give the path of a file")
    return Path(app.instance_path) / value
