"""The example of docs/from-django-auditlog.md: reading the table that django-auditlog left."""

from __future__ import annotations

# shown in the docs from here
from django.db import models


class OldEntry(models.Model):
    """An entry that django-auditlog wrote; no foreign keys, so that nothing cascades into it."""

    content_type_id = models.IntegerField()
    object_pk = models.CharField(max_length=255)
    object_repr = models.TextField()
    action = models.PositiveSmallIntegerField()
    changes = models.JSONField(null=True)
    actor_id = models.IntegerField(null=True)
    timestamp = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "auditlog_logentry"
        app_label = "adopted"
