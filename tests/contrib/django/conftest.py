"""Django, set up once for the tests of this folder, with a database on SQLite and one on PostgreSQL."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator

import pytest

from tests.contrib import needs

if importlib.util.find_spec("django"):
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.contrib.django.settings"
    django.setup()


@pytest.fixture(scope="session")
def sqlite() -> str:
    """The alias of a migrated database on SQLite."""
    from django.core.management import call_command

    call_command("migrate", database="default", verbosity=0, run_syncdb=True)
    return "default"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The alias of a migrated database on PostgreSQL, made for this run and dropped after it."""
    needs.postgres()
    from django.core.management import call_command
    from django.db import connections

    connection = connections["postgres"]
    name = connection.settings_dict["NAME"]
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    call_command("migrate", database="postgres", verbosity=0, run_syncdb=True)
    yield "postgres"
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The alias of each, one after the other, emptied after the test."""
    from django.core.management import call_command

    alias: str = request.getfixturevalue(request.param)
    yield alias
    call_command("flush", database=alias, interactive=False, verbosity=0)


@pytest.fixture
def emptied(postgres: str) -> Iterator[str]:
    """The alias of the one on PostgreSQL, with nothing in it, for a site in processes of its own."""
    from django.core.management import call_command

    call_command("flush", database=postgres, interactive=False, verbosity=0)
    yield postgres
    call_command("flush", database=postgres, interactive=False, verbosity=0)
