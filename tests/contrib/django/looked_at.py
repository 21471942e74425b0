"""The tests' site for a browser that does not log in: whoever comes is the chief. For ``test_browser.py``."""

import os

from tests.contrib.django.settings import *  # noqa: F403
from tests.contrib.django.settings import DATABASES, MIDDLEWARE

DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES["default"]["NAME"] = os.environ["SITE_DATABASE"]
MIDDLEWARE += ["tests.contrib.django.looked_at.everybody_is_chief"]


def everybody_is_chief(get_response):
    def answer(request):
        from django.contrib.auth.models import User

        request.user = User.objects.get(username="chief")
        return get_response(request)

    return answer
