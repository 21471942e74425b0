"""The app. Being ready starts nothing: only ``manage.py jexkit run`` does."""

from __future__ import annotations

from django.apps import AppConfig


class JexkitConfig(AppConfig):
    """Registers the system checks."""

    name = "jexkit.contrib.django"
    label = "jexkit"
    verbose_name = "jexkit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from jexkit.contrib.django import checks  # noqa: F401 - importing it registers them
