"""What belongs to a request stands in the view."""

from __future__ import annotations

# shown in the docs from here
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

import auditlog
from tests.notes.bakery.models import Cake, SoldOutError


@require_POST
def buy(request: HttpRequest, pk: int) -> JsonResponse:
    """Sell one piece and tell the visitor how many are left."""
    with auditlog.context(reason=f"bought at counter {request.POST.get('counter', '1')}"):
        try:
            cake = Cake.objects.sell(pk, pieces=1)
        except Cake.DoesNotExist:
            return JsonResponse({"error": "There is no such cake."}, status=404)
        except SoldOutError as error:
            return JsonResponse({"error": str(error)}, status=409)
    return JsonResponse({"left": cake.stock})
