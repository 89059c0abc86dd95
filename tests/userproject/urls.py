"""One page, which a user who is logged in may change a price with."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.userproject.models import Book


@login_required
def reprice(request: HttpRequest, pk: int) -> HttpResponse:
    """Set the price that was posted."""
    book = Book.objects.get(pk=pk)
    book.price = request.POST["price"]
    book.save()
    return HttpResponse(status=204)


urlpatterns = [path("books/<int:pk>/price/", reprice)]
