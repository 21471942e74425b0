"""What gunicorn and uWSGI serve. No stream runs here, however many workers there are."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
application = get_wsgi_application()
