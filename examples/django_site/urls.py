"""The site's pages: what was traded, and how the streams are (``/jexkit/health/``)."""

from django.http import JsonResponse
from django.urls import include, path

from shop.models import Trade


def trades(request):
    return JsonResponse({"trades": list(Trade.objects.values("event_id", "symbol", "side", "quantity", "price"))})


urlpatterns = [path("trades/", trades), path("jexkit/", include("jexkit.contrib.django.urls"))]
