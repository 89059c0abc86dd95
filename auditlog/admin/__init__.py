"""Browsing the log in Django's admin; another admin site gets it by ``site.register(Entry, EntryAdmin)``."""

from __future__ import annotations

from django.contrib import admin

from auditlog.admin.entry_admin import EntryAdmin
from auditlog.models import Entry

__all__ = ["EntryAdmin"]

admin.site.register(Entry, EntryAdmin)
