"""What all tests share: the fixtures that jexkit gives to its users, also where it is not installed."""

from __future__ import annotations

import importlib.metadata

import pytest
from hypothesis import HealthCheck, settings

from jexkit.engine import governor
from tests import leaks

# No test is about speed: on a busy machine a single example may take any time.
settings.register_profile("jexkit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("jexkit")

_INSTALLED = {entry.value for entry in importlib.metadata.entry_points(group="pytest11")}


def pytest_configure(config: pytest.Config) -> None:
    """From a checkout that is not installed there is no entry point: load the plugin by hand."""
    if "jexkit.testing.plugin" not in _INSTALLED and not config.pluginmanager.has_plugin("jexkit.testing.plugin"):
        config.pluginmanager.import_plugin("jexkit.testing.plugin")
    config.pluginmanager.register(leaks.begin(), "leaks")


@pytest.fixture(autouse=True)
def _no_pause_of_an_earlier_test() -> None:
    """Ports are used again, and the pause that one test's exchange asked for would last into another's."""
    governor.shared.forget()
