"""Settings of the project; ``AUDITLOG_IN`` says in which of the two lists of apps the audit log stands."""

from __future__ import annotations

import os

from tests.settings import DATABASES as _DATABASES

SECRET_KEY = "only-for-the-tests"
USE_TZ = True
DATABASES = {"default": {**_DATABASES["default"], "ENGINE": "django_tenants.postgresql_backend"}}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TENANT_MODEL = "shared.Company"
TENANT_DOMAIN_MODEL = "shared.Domain"

AUDITLOG_IN = os.environ.get("AUDITLOG_IN", "shared tenant").split()
SHARED_APPS = ["django_tenants", "django.contrib.contenttypes", "django.contrib.auth", "tests.tenanted.shared"]
TENANT_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "tests.tenanted.shop"]
if "shared" in AUDITLOG_IN:
    SHARED_APPS.append("auditlog")
if "tenant" in AUDITLOG_IN:
    TENANT_APPS.append("auditlog")
INSTALLED_APPS = list(dict.fromkeys([*SHARED_APPS, *TENANT_APPS]))
MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware"]
ROOT_URLCONF = "tests.no_urls"
AUDITLOG = {"MODELS": {"shared.Plan": {}, "shop.*": {}}, "UNRECORDED_WRITES": "raise"}
