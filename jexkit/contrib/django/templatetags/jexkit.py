"""``{% load jexkit %}{% jexkit_streams %}``: a table of the streams and how they are."""

from __future__ import annotations

from typing import Any

from django import template

from jexkit.contrib.django import conf
from jexkit.contrib.django.states import reports

register = template.Library()


@register.inclusion_tag("jexkit/streams.html")
def jexkit_streams() -> dict[str, Any]:
    """What ``jexkit/streams.html`` shows; a template of this name in the site's own folder replaces it."""
    return {"reports": reports(conf.read())}
