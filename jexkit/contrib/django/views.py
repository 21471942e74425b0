"""Pages for people and for what watches the site: ``path("jexkit/", include("jexkit.contrib.django.urls"))``."""

from __future__ import annotations

from typing import Any

from django.db import Error
from django.http import JsonResponse

from jexkit.contrib.django import conf
from jexkit.contrib.django.states import reports
from jexkit.errors import ConfigurationError

OK, UNAVAILABLE = 200, 503


def health(request: Any) -> JsonResponse:
    """How the streams are, as JSON: 200 if all are live and somebody has said so lately, else 503.

    It tells no secret and no amount, and needs no login, so that a load balancer can ask.
    """
    del request
    try:
        found = reports(conf.read())
    except (ConfigurationError, Error) as error:
        return JsonResponse({"healthy": False, "trouble": type(error).__name__, "streams": {}}, status=UNAVAILABLE)
    is_healthy = all(report.is_healthy for report in found)
    streams = {report.name: report.to_dict() for report in found}
    return JsonResponse({"healthy": is_healthy, "streams": streams}, status=OK if is_healthy else UNAVAILABLE)
