"""A site that books its fills: what jexkit needs is the app and the dict at the end."""

import os
from pathlib import Path

SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-trying-out")
DEBUG = os.environ.get("DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = ["jexkit.contrib.django", "shop"]

if "POSTGRES_DB" in os.environ:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["POSTGRES_DB"],
            "USER": os.environ.get("POSTGRES_USER", "postgres"),
            "HOST": os.environ.get("POSTGRES_HOST", "127.0.0.1"),
            "PORT": os.environ.get("POSTGRES_PORT", "5432"),
        }
    }
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / "site.sqlite3"}}

JEXKIT = {
    "STREAMS": {
        "main": {
            "exchange": "deribit",
            "client_id_env": "DERIBIT_CLIENT_ID",
            "client_secret_env": "DERIBIT_CLIENT_SECRET",
            "currencies": ["BTC", "ETH"],
        },
    },
}
