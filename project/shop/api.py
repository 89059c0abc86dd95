"""The shop's API: products, changed by programs that log in with a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import serializers, viewsets
from rest_framework.permissions import DjangoModelPermissions, IsAdminUser
from rest_framework.routers import SimpleRouter

from project.shop.models import Product

if TYPE_CHECKING:
    SerializerBase = serializers.ModelSerializer[Product]
    ViewSetBase = viewsets.ModelViewSet[Product]
else:
    SerializerBase = serializers.ModelSerializer
    ViewSetBase = viewsets.ModelViewSet


class ProductSerializer(SerializerBase):
    """A product as programs see it."""

    class Meta:
        model = Product
        fields = ("id", "sku", "name", "price", "currency", "stock", "attributes", "tags")


class ProductViewSet(ViewSetBase):
    """Products; who may change which is decided by Django's own permissions."""

    queryset = Product.objects.prefetch_related("tags").order_by("pk")
    serializer_class = ProductSerializer
    permission_classes = (IsAdminUser, DjangoModelPermissions)


router = SimpleRouter()
router.register("products", ProductViewSet)

urlpatterns = router.urls
