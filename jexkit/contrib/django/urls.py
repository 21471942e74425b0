"""``health/``, to be included wherever the site wants it."""

from django.urls import path

from jexkit.contrib.django.views import health

app_name = "jexkit"
urlpatterns = [path("health/", health, name="health")]
